import { useCallback, useEffect, useRef, useState, type KeyboardEvent } from "react";

import { bringBack, importFile, moveSaved, openSaved, removeSaved, told } from "../../actions/files";
import { listWorkflows, type Saved } from "../../api";
import { ago, asName, fullTime, lastPart, matching, shelf, trail, type Shelf as Shown } from "../../keeping/shelf";
import { set } from "../../store";
import { Icon } from "../Icon";
import { Dialog } from "./Dialog";

/** The arrows go from the search field through the list; Enter in the field opens the first. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>(".search, .entry")];
  const at = stops.findIndex((each) => each === document.activeElement);
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (at < 0 || event.nativeEvent.isComposing) return;
  if (step !== 0) stops[at + step]?.focus();
  else if (event.key === "Enter" && at === 0) stops[1]?.click();
  else return;
  event.preventDefault();
}

/** `walk`, for a list that has yet to come: whoever types fast and presses Enter does not wait for it. */
function useWalk(there: boolean) {
  const ref = useRef<HTMLDivElement>(null);
  const early = useRef(false);
  useEffect(() => {
    if (there && early.current) ref.current?.querySelector<HTMLElement>(".entry")?.click();
    early.current = false;
  }, [there]);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    early.current = !there && event.key === "Enter";
    walk(event);
  };
  return { ref, onKeyDown };
}

/** The workflows that the server keeps, in folders; and files that people have. */
export function Open() {
  const [saved, setSaved] = useState<readonly Saved[] | null>(null);
  const [folder, setFolder] = useState("");
  const [query, setQuery] = useState("");
  const [gone, setGone] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const refresh = useCallback(() => told(async () => setSaved(await listWorkflows())), []);
  useEffect(() => void refresh(), [refresh]);
  useEffect(() => field.current?.focus(), [folder]);
  const walked = useWalk(saved !== null);
  const change = (action: () => Promise<unknown>) => {
    set({ notice: null });
    void told(async () => {
      await action();
    }).then(refresh).then(() => requestAnimationFrame(() => {
      // What had the focus may be gone with the list that it was in.
      if (!document.activeElement?.closest(".dialog.files *")) field.current?.focus();
    }));
  };
  const remove = (name: string) => change(async () => {
    await removeSaved(name);
    setGone(name);
  });
  const undo = (name: string) => {
    setGone(null);
    change(() => bringBack(name));
  };
  return (
    <Dialog title="Open a workflow" className="files">
      <div className="walked" {...walked}>
        <input
          ref={field} className="field search" type="search" aria-label="Search workflows" placeholder="Search" value={query} spellCheck={false}
          onChange={(event) => setQuery(event.target.value)}
        />
        {!query && <Trail folder={folder} onFolder={setFolder} />}
        {saved && (
          <Shelf
            shown={query ? { folders: [], workflows: matching(saved, query) } : shelf(saved, folder)} query={query} onFolder={setFolder}
            onMove={(name, to) => change(() => moveSaved(name, to))} onRemove={remove}
          />
        )}
      </div>
      <footer>
        {gone !== null && (
          <p role="status">
            “{lastPart(gone)}” is removed.{" "}
            <button type="button" className="button small" autoFocus onClick={() => undo(gone)}>Undo</button>
          </p>
        )}
        <span className="space" />
        <FromDisk />
      </footer>
    </Dialog>
  );
}

interface ShelfProps {
  readonly shown: Shown;
  readonly query: string;
  readonly onFolder: (path: string) => void;
  readonly onMove: (name: string, to: string) => void;
  readonly onRemove: (name: string) => void;
}

function Shelf({ shown: { folders, workflows }, query, onFolder, onMove, onRemove }: ShelfProps) {
  const none = query ? "No workflow has this name." : "What you make is saved by itself and appears here.";
  return (
    <ul className="shelf">
      {folders.map(({ path, name, count }) => (
        <li key={path}>
          <button type="button" className="entry" onClick={() => onFolder(path)}>
            <Icon name="folder" />
            <span>{name}</span>
            <small>{count}</small>
          </button>
        </li>
      ))}
      {workflows.map((each) => (
        <Entry key={each.name} saved={each} whole={query !== ""} onMove={(to) => onMove(each.name, to)} onRemove={() => onRemove(each.name)} />
      ))}
      {folders.length + workflows.length === 0 && <li className="none">{none}</li>}
    </ul>
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
  /** Whether a new name has been asked for, so that the focus goes back to where that began. */
  const [asked, setAsked] = useState(false);
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
          <button
            type="button" className="button small" aria-label={`Rename ${name}`} autoFocus={asked}
            onClick={() => {
              setAsked(true);
              setAsking("name");
            }}
          >
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
