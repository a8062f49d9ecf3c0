import { memo, useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { draftOf, finish, readNow, stays, write, written } from "../../actions/write";
import { commandOf, copyText, keysOf } from "../../keyboard/commands";
import { own } from "../../document/document";
import type { Wrong } from "../../keeping/draft";
import { keyOf } from "../../keyboard/keys";
import { lineOf, lineStarts, scan, type Place } from "../../document/scan";
import { setSheet, sheet, useSheet, useStore } from "../../store";
import { Icon } from "../Icon";
import { Edge, useWidth } from "./Edge";
import { Panel } from "./Panel";

const LINE = 16;
const PADDING = 8;
const SHOW_MS = 100;
const CARET_MS = 120;
const COPIED_MS = 2000;

/** The workflow as text, to be read and written. */
export function JsonPanel() {
  const id = useStore((state) => state.active);
  const [width, resize] = useWidth("json", 480);
  return (
    <Panel title="JSON" width={width} edge={<Edge width={width} onResize={resize} />} tools={<Copy text={() => written(id)} />}>
      <Editor key={id} id={id} />
    </Panel>
  );
}

function Copy({ text }: { readonly text: () => string }) {
  const [copied, setCopied] = useState(0);
  useEffect(() => {
    if (copied === 0) return;
    const timer = setTimeout(() => setCopied(0), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <>
      <span className="soft" role="status">{copied > 0 ? "Copied" : ""}</span>
      <button type="button" className="icon" aria-label="Copy" data-help="Copy all of it" onClick={() => void copyText(text()).then(() => setCopied(copied + 1))}>
        <Icon name="copy" />
      </button>
    </>
  );
}

interface Lines {
  readonly node: string;
  readonly first: number;
  readonly last: number;
}

const linesIn = (starts: readonly number[], places: readonly Place[]): readonly Lines[] =>
  places.map(({ node, from, to }) => ({ node, first: lineOf(starts, from), last: lineOf(starts, to) }));

/** Whether a key is one of a command's. */
function isOf(event: KeyboardEvent, id: string): boolean {
  const [key, command] = [keyOf(event), commandOf(id)];
  return key !== null && command !== undefined && keysOf(command).includes(key);
}

/** Put a text in the place of another; the caret and the view stay where they are. */
function put(field: HTMLTextAreaElement, text: string): void {
  if (field.value === text) return;
  const { selectionStart, selectionEnd, scrollTop, scrollLeft } = field;
  field.value = text;
  field.setSelectionRange(selectionStart, selectionEnd);
  field.scrollTo(scrollLeft, scrollTop);
}

function reveal(field: HTMLTextAreaElement, { first, last }: Lines): void {
  const [top, bottom] = [first * LINE, (last + 1) * LINE];
  const isSeen = top >= field.scrollTop && bottom <= field.scrollTop + field.clientHeight - 2 * PADDING;
  if (!isSeen) field.scrollTo(0, top - 4 * LINE);
}

/** Select the node whose lines the caret is in. */
function selectAt(area: HTMLTextAreaElement, lines: readonly Lines[], starts: readonly number[]): void {
  const at = lineOf(starts, area.selectionStart);
  const node = lines.find(({ first, last }) => first <= at && at <= last)?.node;
  const { selected, history } = sheet();
  if (document.activeElement !== area || node === undefined || !own(history.present.nodes, node)) return;
  if (selected.size !== 1 || !selected.has(node)) setSheet({ selected: new Set([node]), wires: new Set() });
}

/** What is in the field when it was last read or made; what is typed is not drawn again. */
function useDraft(id: string) {
  const present = useSheet(({ history }) => history.present);
  const [draft, setDraft] = useState(() => draftOf(id, present));
  useEffect(() => {
    const show = () => setDraft(draftOf(id, present));
    const timer = setTimeout(show, stays(id, present) ? 0 : SHOW_MS);
    return () => clearTimeout(timer);
  }, [id, present]);
  const refresh = () => setDraft(draftOf(id, sheet().history.present));
  useEffect(() => readNow(id, () => setDraft(draftOf(id, sheet().history.present))), [id]);
  return { ...draft, refresh };
}

function Editor({ id }: { readonly id: string }) {
  const { text, wrong, refresh } = useDraft(id);
  const area = useRef<HTMLTextAreaElement>(null);
  const moving = useRef<HTMLDivElement>(null);
  const caret = useRef<ReturnType<typeof setTimeout>>(undefined);
  const told = useId();
  const { starts, lines } = useMemo(() => {
    const found = lineStarts(text);
    return { starts: found, lines: linesIn(found, scan(text).places) };
  }, [text]);
  const [count, setCount] = useState(starts.length);
  const marks = useMarks(lines);
  const [mark] = marks;
  useLayoutEffect(() => {
    // What has been typed since is newer.
    if (area.current && written(id) === text) {
      put(area.current, text);
      setCount(starts.length);
    }
  }, [id, text, starts]);
  useEffect(() => {
    if (mark && area.current && document.activeElement !== area.current) reveal(area.current, mark);
  }, [mark]);
  const onKeyDown = (event: KeyboardEvent) => {
    // What has been written is part of what a command is about; but undo is the field's own here.
    if (isOf(event, "undo") || isOf(event, "redo")) event.stopPropagation();
    else if (event.ctrlKey || event.metaKey || event.altKey || /^F\d/.test(event.key)) readNow(id, refresh);
  };
  const onSelect = () => {
    clearTimeout(caret.current);
    caret.current = setTimeout(() => area.current?.value === text && selectAt(area.current, lines, starts), CARET_MS);
  };
  const goThere = () => {
    area.current?.focus();
    area.current?.setSelectionRange(wrong?.at ?? 0, wrong?.at ?? 0);
  };
  return (
    <>
      <div className="json">
        <div className="json-back" aria-hidden="true">
          <div ref={moving}>
            {marks.map(({ first, last }) => <Mark key={first} first={first} last={last} />)}
            {wrong && <Mark first={wrong.line - 1} last={wrong.line - 1} bad />}
            <Numbers count={count} />
          </div>
        </div>
        <textarea
          ref={area} wrap="off" spellCheck={false} autoCapitalize="off" autoComplete="off" aria-label="Workflow as JSON" aria-invalid={wrong !== null}
          aria-describedby={told} onKeyDown={onKeyDown} onSelect={onSelect} onBlur={() => finish(id, refresh)}
          onInput={(event) => {
            setCount(lineStarts(event.currentTarget.value).length);
            write(id, event.currentTarget.value, refresh);
          }}
          onScroll={(event) => moving.current?.style.setProperty("transform", `translateY(${-event.currentTarget.scrollTop}px)`)}
        />
      </div>
      <Foot id={told} wrong={wrong} onGo={goThere} />
    </>
  );
}

function Foot({ id, wrong, onGo }: { readonly id: string; readonly wrong: Wrong | null; readonly onGo: () => void }) {
  return (
    <footer className="json-foot">
      <p id={id} role="status" className={wrong ? "bad" : "soft"}>
        {wrong ? `Line ${wrong.line}, column ${wrong.column}: ${wrong.reason}` : "What is written here is on the canvas at once."}
      </p>
      {wrong && <button type="button" className="button small" onClick={onGo}>Go there</button>}
    </footer>
  );
}

function Mark({ first, last, bad = false }: { readonly first: number; readonly last: number; readonly bad?: boolean }) {
  return <div className={`json-mark ${bad ? "bad" : ""}`} style={{ top: PADDING + first * LINE, height: (last - first + 1) * LINE }} />;
}

const Numbers = memo(function Numbers({ count }: { readonly count: number }) {
  return <pre>{Array.from({ length: count }, (_, index) => index + 1).join("\n")}</pre>;
});

/** The lines of what is selected: the same list as long as that is the same. */
function useMarks(lines: readonly Lines[]): readonly Lines[] {
  const selected = useSheet((each) => each.selected);
  return useMemo(() => {
    const first = new Map([...lines].reverse().map((each) => [each.node, each]));
    return [...selected].flatMap((id) => first.get(id) ?? []);
  }, [lines, selected]);
}
