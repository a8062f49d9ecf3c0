import { useEffect, useState } from "react";

import { restore } from "../../actions/edit";
import { takeTheirs, told } from "../../actions/files";
import { goTo } from "../../actions/run";
import { listVersions, readVersion, readWorkflow, type Saved } from "../../api";
import { difference, summary, type Entry, type Line } from "../../document/difference";
import type { Document } from "../../document/document";
import { placed } from "../../layout/geometry";
import { ago, fullTime } from "../../keeping/shelf";
import { when } from "../../running/jobs";
import { sheet, useSheet, useStore } from "../../store";
import { shortened, wordDiff, type Word } from "../../document/words";
import { Panel } from "./Panel";

/** What is on the canvas, in the list of what it is compared with. */
const NOW = "";
/** What the server has. */
const SAVED = ".saved";

/** The versions of the open workflow, the newest first; none while there are none. */
function useVersions(name: string): readonly Saved[] {
  const version = useSheet((each) => each.version);
  const [versions, setVersions] = useState<readonly Saved[]>([]);
  useEffect(() => {
    let current = true;
    void listVersions(name).then((found) => current && setVersions(found), () => current && setVersions([]));
    return () => {
      current = false;
    };
  }, [name, version]);
  return versions;
}

async function read(name: string, which: string): Promise<Document> {
  return which === SAVED ? (await readWorkflow(name)).workflow : readVersion(name, which);
}

/** A version as a document; null while it is not here. */
function useDocument(name: string, which: string): Document | null {
  const catalogue = useStore((state) => state.catalogue);
  const present = useSheet(({ history }) => history.present);
  const [found, setFound] = useState<{ readonly key: string; readonly document: Document } | null>(null);
  const key = `${name} ${which}`;
  useEffect(() => {
    let current = true;
    if (which !== NOW) void told(async () => {
      const document = await read(name, which);
      if (current) setFound({ key: `${name} ${which}`, document: catalogue ? placed(document, catalogue) : document });
    });
    return () => {
      current = false;
    };
  }, [name, which, catalogue]);
  if (which === NOW) return present;
  return found?.key === key ? found.document : null;
}

const TICK_MS = 20_000;

/** The time, as often as it matters for how long ago something was. */
function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** What the workflow was before, what has changed since, and the way back. */
export function Versions() {
  const id = useSheet((each) => each.id);
  return <List key={id} />;
}

function List() {
  const name = useSheet((each) => each.name);
  const saving = useSheet((each) => each.saving);
  const versions = useVersions(name);
  const [chosen, setChosen] = useState<string | null>(null);
  const [against, setAgainst] = useState(NOW);
  const now = useNow();
  const all = [...(saving === "conflict" ? [SAVED] : []), ...versions.map((each) => each.name)];
  const which = chosen !== null && all.includes(chosen) ? chosen : all[0];
  // Only what came later says what has changed since.
  const later = versions.slice(0, Math.max(0, versions.findIndex((each) => each.name === which)));
  const until = later.some((each) => each.name === against) ? against : NOW;
  return (
    <Panel title="Versions">
      {versions.length === 0 && saving !== "conflict" && <p className="none">What is changed is saved as you work. Older versions appear here.</p>}
      <ul className="versions">
        {all.map((each) => {
          const at = versions.find((one) => one.name === each)?.at;
          return (
            <li key={each}>
              <button type="button" aria-pressed={each === which} onClick={() => setChosen(each)} data-help={at === undefined ? undefined : fullTime(at)}>
                {at === undefined ? "As it was saved elsewhere" : ago(at, now)}
                {at !== undefined && <small>{when(at, now)}</small>}
              </button>
            </li>
          );
        })}
      </ul>
      {which !== undefined && <Changes name={name} which={which} against={until} onAgainst={setAgainst} later={later} now={now} />}
    </Panel>
  );
}

interface ChangesProps {
  readonly name: string;
  readonly which: string;
  readonly against: string;
  readonly onAgainst: (which: string) => void;
  readonly later: readonly Saved[];
  readonly now: Date;
}

function Changes({ name, which, against, onAgainst, later, now }: ChangesProps) {
  const catalogue = useStore((state) => state.catalogue);
  const before = useDocument(name, which);
  const after = useDocument(name, against);
  const found = before && after && catalogue && difference(before, after, catalogue);
  return (
    <section className="changes" aria-label="What has changed">
      <div className="versus">
        <label>
          <span>Until</span>
          <select className="field" value={against} onChange={(event) => onAgainst(event.target.value)}>
            <option value={NOW}>now</option>
            {later.map((each) => <option key={each.name} value={each.name}>{ago(each.at, now)}</option>)}
          </select>
        </label>
        {which === SAVED ? <button type="button" className="button small" onClick={() => void takeTheirs()}>Take theirs</button> : (
          <button type="button" className="button small" disabled={!before} onClick={() => before && restore(before)}>Restore</button>
        )}
      </div>
      {found && (
        <>
          {summary(found).map((line) => <p key={line} className="none">{line}</p>)}
          <ul>{found.entries.map((entry) => <Change key={entry.id} entry={entry} here={against === NOW} />)}</ul>
        </>
      )}
    </section>
  );
}

function Change({ entry: { id, title, kind, lines }, here }: { readonly entry: Entry; readonly here: boolean }) {
  const there = here && kind !== "removed" && Object.hasOwn(sheet().history.present.nodes, id);
  return (
    <li className={kind}>
      <button type="button" disabled={!there} onClick={() => goTo({ node: id, socket: lines[0]?.socket ?? null })}>
        <b>{title}</b> <small>{id}</small> <em>{kind}</em>
      </button>
      {lines.map((line) => <Words key={line.label + line.socket} line={line} />)}
    </li>
  );
}

function Words({ line: { label, socket, old, new: now } }: { readonly line: Line }) {
  // Single words and numbers are told whole: the digits that two numbers share say nothing.
  const isText = /\s/.test((old ?? "") + (now ?? ""));
  const whole: readonly Word[] = [{ kind: "old", text: old ?? "" }, { kind: "new", text: now ?? "" }];
  const words = shortened(isText ? wordDiff(old ?? "", now ?? "") : whole.filter(({ text }) => text !== ""));
  return (
    <p className="words">
      <span>{socket || label}</span>{" "}
      {words.map(({ kind, text }, index) => {
        if (kind === "old") return <del key={index}>{text}</del>;
        return kind === "new" ? <ins key={index}>{text}</ins> : <span key={index}>{text}</span>;
      })}
    </p>
  );
}
