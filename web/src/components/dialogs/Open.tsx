import { useCallback, useEffect, useRef, useState } from "react";

import { importFile, openSaved, told } from "../../actions/files";
import { deleteWorkflow, listVersions, listWorkflows, moveWorkflow, readVersion, saveWorkflow, type Saved } from "../../api";
import { ago, asName, fullTime, lastPart, matching, shelf, trail } from "../../keeping/shelf";
import { Icon } from "../Icon";
import { Dialog } from "./Dialog";

/** Bring a removed workflow back as it was. */
async function bringBack(name: string): Promise<void> {
  const [latest] = await listVersions(name);
  if (latest) await saveWorkflow(name, await readVersion(name, latest.name), "");
}

/** The workflows that the server keeps, in folders; and files that people have. */
export function Open() {
  const [saved, setSaved] = useState<readonly Saved[] | null>(null);
  const [folder, setFolder] = useState("");
  const [query, setQuery] = useState("");
  const [gone, setGone] = useState<string | null>(null);
  const refresh = useCallback(() => told(async () => setSaved(await listWorkflows())), []);
  useEffect(() => void refresh(), [refresh]);
  const change = (action: () => Promise<unknown>) =>
    void told(async () => {
      await action();
    }).then(refresh);
  const { folders, workflows } = query ? { folders: [], workflows: matching(saved ?? [], query) } : shelf(saved ?? [], folder);
  return (
    <Dialog title="Open a workflow" className="files">
      <Search query={query} onQuery={setQuery} />
      {!query && <Trail folder={folder} onFolder={setFolder} />}
      <ul className="shelf">
        {folders.map(({ path, name, count }) => (
          <li key={path}>
            <button type="button" className="entry" onClick={() => setFolder(path)}>
              <Icon name="folder" />
              <span>{name}</span>
              <small>{count}</small>
            </button>
          </li>
        ))}
        {workflows.map((each) => (
          <Entry
            key={each.name} saved={each} whole={query !== ""}
            onMove={(to) => change(() => moveWorkflow(each.name, to))}
            onRemove={() => change(async () => {
              await deleteWorkflow(each.name);
              setGone(each.name);
            })}
          />
        ))}
        {saved !== null && folders.length + workflows.length === 0 && <li className="none">{query ? "No workflow has this name." : "What you make is saved by itself and appears here."}</li>}
      </ul>
      <footer>
        {gone !== null && (
          <p role="status">
            “{lastPart(gone)}” is removed.{" "}
            <button
              type="button" className="button small"
              onClick={() => {
                setGone(null);
                change(() => bringBack(gone));
              }}
            >
              Undo
            </button>
          </p>
        )}
        <span className="space" />
        <FromDisk />
      </footer>
    </Dialog>
  );
}

function Search({ query, onQuery }: { readonly query: string; readonly onQuery: (query: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <input
      ref={field} className="field search" type="search" aria-label="Search workflows" placeholder="Search" value={query} spellCheck={false}
      onChange={(event) => onQuery(event.target.value)}
    />
  );
}

function Trail({ folder, onFolder }: { readonly folder: string; readonly onFolder: (folder: string) => void }) {
  if (folder === "") return null;
  return (
    <nav className="trail" aria-label="Folders">
      {[{ path: "", name: "All" }, ...trail(folder)].map(({ path, name }) => (
        <button key={path} type="button" className="button small" aria-current={path === folder ? "location" : undefined} onClick={() => onFolder(path)}>
          {name}
        </button>
      ))}
    </nav>
  );
}

interface EntryProps {
  readonly saved: Saved;
  readonly whole: boolean;
  readonly onMove: (to: string) => void;
  readonly onRemove: () => void;
}

function Entry({ saved, whole, onMove, onRemove }: EntryProps) {
  const [asking, setAsking] = useState<"name" | "remove" | null>(null);
  const { name, at } = saved;
  if (asking === "name") return <NewName name={name} onMove={onMove} onEnd={() => setAsking(null)} />;
  return (
    <li data-workflow={name}>
      <button type="button" className="entry" onClick={() => void openSaved(name)}>
        <span>{whole ? name : lastPart(name)}</span>
        <small data-help={fullTime(at)}>{ago(at, new Date())}</small>
      </button>
      {asking === "remove" ? (
        <button type="button" className="button small danger" autoFocus onClick={onRemove} onBlur={() => setAsking(null)}>
          Remove it
        </button>
      ) : (
        <>
          <button type="button" className="button small" aria-label={`Rename ${name}`} onClick={() => setAsking("name")}>
            Rename
          </button>
          <button type="button" className="icon small" aria-label={`Remove ${name}`} onClick={() => setAsking("remove")}>
            <Icon name="trash" />
          </button>
        </>
      )}
    </li>
  );
}

function NewName({ name, onMove, onEnd }: { readonly name: string; readonly onMove: (to: string) => void; readonly onEnd: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <li>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = asName(field.current?.value ?? "");
          onEnd();
          if (wanted !== "" && wanted !== name) onMove(wanted);
        }}
      >
        <input
          ref={field} className="field" aria-label="New name; a slash makes folders" defaultValue={name} autoFocus spellCheck={false}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.preventDefault();
            event.stopPropagation();
            onEnd();
          }}
        />
        <button type="submit" className="button small">Rename</button>
      </form>
    </li>
  );
}

function FromDisk() {
  const chooser = useRef<HTMLInputElement>(null);
  const open = async (files: readonly File[]) => {
    for (const file of files) await importFile(file, file.name);
  };
  return (
    <>
      <button type="button" className="button" onClick={() => chooser.current?.click()}>
        <Icon name="upload" />
        Open a file …
      </button>
      <input
        ref={chooser} type="file" accept=".json,.png,application/json,image/png" multiple hidden aria-label="A workflow or a picture with one in it"
        onChange={(event) => {
          void open([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </>
  );
}
