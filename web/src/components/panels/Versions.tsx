import { useEffect, useState } from "react";

import { edit, settle } from "../../actions/edit";
import { told } from "../../actions/files";
import { goTo } from "../../actions/run";
import { listVersions, readVersion, readWorkflow, type Saved } from "../../api";
import { difference, summary, type Entry, type Line } from "../../document/difference";
import type { Document } from "../../document/document";
import { placed } from "../../layout/geometry";
import { ago, fullTime } from "../../keeping/shelf";
import { sheet, useSheet, useStore } from "../../store";
import { shortened, wordDiff } from "../../document/words";
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

/** Put an older version on the canvas, as one step of undo. */
function restore(document: Document): void {
  settle();
  edit(document);
}

/** What the workflow was before, what has changed since, and the way back. */
export function Versions() {
  const name = useSheet((each) => each.name);
  const saving = useSheet((each) => each.saving);
  const versions = useVersions(name);
  const [chosen, setChosen] = useState<string | null>(null);
  const [against, setAgainst] = useState(NOW);
  const first = saving === "conflict" ? SAVED : versions[0]?.name;
  const which = chosen ?? first;
  return (
    <Panel title="Versions">
      {versions.length === 0 && saving !== "conflict" && <p className="none">What is changed is saved as you work. Older versions appear here.</p>}
      <ul className="versions">
        {[...(saving === "conflict" ? [SAVED] : []), ...versions.map((each) => each.name)].map((each) => {
          const at = versions.find((one) => one.name === each)?.at;
          return (
            <li key={each}>
              <button type="button" aria-pressed={each === which} onClick={() => setChosen(each)} data-help={at === undefined ? undefined : fullTime(at)}>
                {at === undefined ? "As it was saved elsewhere" : ago(at, new Date())}
              </button>
            </li>
          );
        })}
      </ul>
      {which !== undefined && <Changes key={`${name} ${which} ${against}`} name={name} which={which} against={against} onAgainst={setAgainst} versions={versions} />}
    </Panel>
  );
}

interface ChangesProps {
  readonly name: string;
  readonly which: string;
  readonly against: string;
  readonly onAgainst: (which: string) => void;
  readonly versions: readonly Saved[];
}

function Changes({ name, which, against, onAgainst, versions }: ChangesProps) {
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
            {versions.map((each) => <option key={each.name} value={each.name}>{ago(each.at, new Date())}</option>)}
          </select>
        </label>
        <button type="button" className="button small" disabled={!before} onClick={() => before && restore(before)}>Restore</button>
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
  const words = shortened(wordDiff(old ?? "", now ?? ""));
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
