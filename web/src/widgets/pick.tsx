import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type SyntheticEvent } from "react";
import { createPortal } from "react-dom";

import { Icon } from "../components/Icon";
import { useList } from "../components/useList";
import type { Json } from "../document/json";
import { score } from "../catalogue/search";

const HEIGHT = 336;
const NARROWEST = 256;
const EDGE = 8;
/** A list of thousands is searched, not read. */
const MOST = 200;

export const nameOf = (option: Json): string => (typeof option === "string" ? option : JSON.stringify(option));

interface Found {
  readonly name: string;
  readonly index: number;
}

/** The options that a query may mean, by their places in the list. */
export function pickFrom(options: readonly Json[], query: string): readonly Found[] {
  const all = options.map((option, index): Found => ({ name: nameOf(option), index }));
  if (query.trim() === "") return all;
  const scored = all.flatMap((each) => {
    const found = score(query, each.name);
    return found === null ? [] : [{ each, found }];
  });
  return scored.sort((a, b) => b.found - a.found).map(({ each }) => each);
}

/** What happens in the list is none of the node's business, though the list is a part of it to React. */
const stop = (event: SyntheticEvent) => event.stopPropagation();

interface PickProps {
  /** What it stands beside, and where the focus goes back to. */
  readonly anchor: HTMLElement;
  readonly label: string;
  readonly options: readonly Json[];
  readonly at: number;
  readonly onChoose: (index: number) => void;
  readonly onClose: () => void;
}

function placeBy(anchor: HTMLElement) {
  const box = anchor.getBoundingClientRect();
  const width = Math.min(Math.max(NARROWEST, box.width), innerWidth - 2 * EDGE);
  const below = innerHeight - box.bottom - 2 * EDGE;
  const up = below < HEIGHT && box.top > below;
  const left = Math.max(EDGE, Math.min(box.left, innerWidth - width - EDGE));
  const maxHeight = Math.max(128, Math.min(HEIGHT, up ? box.top - 2 * EDGE : below));
  return { left, width, maxHeight, ...(up ? { bottom: innerHeight - box.top + 4 } : { top: box.bottom + 4 }) };
}

/** A list of options with a search field, over all else, so that no node cuts it off and no zoom makes it small. */
export function PickList({ anchor, label, options, at: chosen, onChoose, onClose }: PickProps) {
  const [query, setQuery] = useState("");
  const [place] = useState(() => placeBy(anchor));
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const found = useMemo(() => pickFrom(options, query), [options, query]);
  const shown = found.slice(0, MOST);
  const choose = (index: number | undefined) => {
    if (index !== undefined) onChoose(index);
  };
  const { at, setAt, box, onKeyDown } = useList({
    count: shown.length, query, start: Math.max(0, chosen), onEnter: (now) => choose(shown[now]?.index), onEscape: onClose,
  });
  const active = shown[at];
  useLayoutEffect(() => field.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    addEventListener("resize", onClose);
    return () => removeEventListener("resize", onClose);
  }, [onClose]);
  return createPortal(
    <div
      className="veil pick-veil nokey" data-own-keys onPointerDown={(event) => {
        event.stopPropagation();
        if (event.target === event.currentTarget) onClose();
      }}
      onClick={stop} onDoubleClick={stop} onContextMenu={stop} onWheel={stop}
    >
      <div className="pick panel" role="dialog" aria-label={label} style={place} ref={box}>
        <input
          ref={field} className="field search" role="combobox" aria-expanded="true" aria-controls={id} aria-autocomplete="list"
          aria-activedescendant={active && `${id}-${active.index}`} aria-label={`Search ${label}`} placeholder="Search"
          autoComplete="off" spellCheck={false} value={query} onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Tab") event.preventDefault();
            onKeyDown(event);
          }}
        />
        <div className="options" id={id} role="listbox" aria-label={label}>
          {shown.map(({ name, index }, place) => (
            <div
              key={index} id={`${id}-${index}`} role="option" aria-selected={place === at} className={index === chosen ? "now" : undefined}
              onPointerMove={place === at ? undefined : () => setAt(place)} onClick={() => choose(index)}
            >
              <span>{name}</span>
              {index === chosen && <Icon name="check" />}
            </div>
          ))}
        </div>
        {shown.length === 0 && <p className="none">Nothing of this name.</p>}
        {found.length > MOST && <p className="none">{found.length - MOST} more: type to find them.</p>}
      </div>
    </div>,
    document.body,
  );
}
