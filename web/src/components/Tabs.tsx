import { useEffect, useRef } from "react";

import { closeSheet, goToSheet, rename, startNew, takeTheirs } from "../actions/files";
import { save } from "../keeping/saving";
import { set, useSheet, useStore, type Saving, type Sheet } from "../store";
import { Icon } from "./Icon";
import { helpOf } from "./Keys";

const SAVING: Readonly<Record<Saving, string>> = {
  saved: "Saved",
  edited: "Saving …",
  saving: "Saving …",
  conflict: "Changed elsewhere",
  failed: "Not on the server yet; kept in this browser",
};

/** The workflows that are open, side by side. */
export function Tabs() {
  const sheets = useStore((state) => state.sheets);
  const active = useStore((state) => state.active);
  return (
    <nav className="tabs" aria-label="Open workflows">
      <ul>
        {sheets.map((sheet) => (
          <Tab key={sheet.id} sheet={sheet} active={sheet.id === active} />
        ))}
      </ul>
      <button type="button" className="icon" aria-label="New workflow" data-help={helpOf("new")} onClick={startNew}>
        <Icon name="plus" />
      </button>
    </nav>
  );
}

function Tab({ sheet, active }: { readonly sheet: Sheet; readonly active: boolean }) {
  const { id, name, saving } = sheet;
  const renaming = useStore((state) => active && state.renaming === RENAMING);
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (active) item.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [active]);
  const short = name.slice(name.lastIndexOf("/") + 1);
  const mark = saving === "saved" ? "" : saving === "conflict" || saving === "failed" ? "bad" : "edited";
  return (
    <li ref={item} className={active ? "tab active" : "tab"}>
      {renaming ? <NameField name={name} /> : (
        <button
          type="button" className="name" aria-current={active ? "page" : undefined} onClick={() => goToSheet(id)}
          onDoubleClick={() => set({ renaming: RENAMING })} data-help={`${name}\nDouble click to rename it`}
        >
          {short}
        </button>
      )}
      {mark !== "" && <span className={`unsaved ${mark}`} role="img" aria-label={SAVING[saving]} />}
      <button type="button" className="icon small" aria-label={`Close ${name}`} onClick={() => void closeSheet(id)}>
        <Icon name="close" />
      </button>
    </li>
  );
}

/** Stands in `renaming` for the name of the workflow itself; no node id has a dot. */
const RENAMING = ".name";

function NameField({ name }: { readonly name: string }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  const finish = (kept: boolean) => {
    const wanted = field.current?.value ?? name;
    set({ renaming: null });
    if (kept && wanted !== name) void rename(wanted);
  };
  return (
    <input
      ref={field} className="field" aria-label="Name of the workflow; a slash makes folders" defaultValue={name} autoFocus spellCheck={false}
      onBlur={() => finish(true)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") finish(true);
        if (event.key === "Escape") finish(false);
      }}
    />
  );
}

/** Whether the work is kept, and what to do where somebody else has changed it. */
export function SavingState() {
  const saving = useSheet((sheet) => sheet.saving);
  const id = useSheet((sheet) => sheet.id);
  const name = useSheet((sheet) => sheet.name);
  const elsewhere = useStore((state) => state.elsewhere.has(name));
  return (
    <>
      <span className={`saving ${saving}`} role="status">
        {SAVING[saving]}
      </span>
      {saving === "conflict" && (
        <button type="button" className="button small" data-help="Save what is here over what was saved elsewhere; the other stays among the versions" onClick={() => void save(id, true)}>
          Keep mine
        </button>
      )}
      {saving === "conflict" && (
        <>
          <button type="button" className="button small" data-help="Show what was saved elsewhere; Undo brings yours back" onClick={() => void takeTheirs()}>
            Take theirs
          </button>
          <button type="button" className="button small" onClick={() => set({ panel: "history" })}>
            Show the difference
          </button>
        </>
      )}
      {elsewhere && (
        <span className="elsewhere" role="alert" data-help="What one window saves, the other does not see before it is loaded again">
          Open in another window too
        </span>
      )}
    </>
  );
}
