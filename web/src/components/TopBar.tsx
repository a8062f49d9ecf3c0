import { useReactFlow } from "@xyflow/react";
import { useRef, useState } from "react";

import { arrange, importText, openShelf, redo, rename, run, startNew, undo } from "../actions";
import { save } from "../saving";
import { useStore, type Saving } from "../store";
import { Icon } from "./Icon";

const SAVING: Readonly<Record<Saving, string>> = {
  saved: "Saved",
  edited: "Saving …",
  saving: "Saving …",
  conflict: "Changed elsewhere",
  failed: "Not on the server yet; kept in this browser",
};

function Name() {
  const name = useStore((state) => state.name);
  const saving = useStore((state) => state.saving);
  const [draft, setDraft] = useState<string | null>(null);
  const finish = () => {
    const wanted = draft?.trim() ?? "";
    setDraft(null);
    if (wanted !== "" && wanted !== name) rename(wanted);
  };
  return (
    <>
      <input
        className="field title" aria-label="Name of the workflow" data-help="The name that it is saved under" value={draft ?? name}
        onChange={(event) => setDraft(event.target.value)} onBlur={finish} spellCheck={false}
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
      />
      <span className={`saving ${saving}`} role="status">
        {SAVING[saving]}
      </span>
      {saving === "conflict" && (
        <button type="button" className="button" onClick={() => void save(true)}>
          Keep mine
        </button>
      )}
    </>
  );
}

function Files() {
  const chooser = useRef<HTMLInputElement>(null);
  const open = async (file: File | undefined) => {
    if (file) await importText(await file.text(), file.name.replace(/\.json$/i, ""));
  };
  return (
    <>
      <button type="button" className="button" onClick={() => void startNew()} data-help="Begin an empty workflow">
        New
      </button>
      <button type="button" className="button" onClick={() => void openShelf()} data-help="Open a workflow from the server">
        Open
      </button>
      <button type="button" className="button" onClick={() => chooser.current?.click()} data-help="Open a JSON file; dropping or pasting one works too">
        File …
      </button>
      <input
        ref={chooser} type="file" accept=".json,application/json" hidden
        onChange={(event) => {
          void open(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
    </>
  );
}

function Edits() {
  const canUndo = useStore((state) => state.history.past.length > 0);
  const canRedo = useStore((state) => state.history.future.length > 0);
  const { fitView } = useReactFlow();
  const fit = () => void fitView({ padding: 0.08, maxZoom: 1, duration: 200 });
  return (
    <>
      <button type="button" className="icon" aria-label="Undo" data-help="Undo · Ctrl Z" disabled={!canUndo} onClick={undo}>
        <Icon name="undo" />
      </button>
      <button type="button" className="icon" aria-label="Redo" data-help="Redo · Ctrl Shift Z" disabled={!canRedo} onClick={redo}>
        <Icon name="redo" />
      </button>
      <button type="button" className="icon" aria-label="Tidy" data-help="Lay the nodes out in columns" onClick={arrange}>
        <Icon name="tidy" />
      </button>
      <button type="button" className="icon" aria-label="Zoom to fit" data-help="Show the whole workflow · F" onClick={fit}>
        <Icon name="fit" />
      </button>
    </>
  );
}

export function TopBar() {
  return (
    <header className="bar top">
      <Name />
      <span className="space" />
      <Files />
      <span className="line" />
      <Edits />
      <span className="line" />
      <button type="button" className="button primary" onClick={() => void run()} data-help="Run the workflow · Ctrl Enter">
        <Icon name="run" />
        Run
      </button>
    </header>
  );
}
