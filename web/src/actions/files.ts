/** Workflows as a whole: open, begin, rename, close; each in a tab of its own. */

import { Refusal, convert, deleteWorkflow, listTemplates, listVersions, moveWorkflow, readTemplate, readVersion, readWorkflow, saveWorkflow } from "../api";
import { EMPTY, type Document } from "../document/document";
import { placed } from "../layout/geometry";
import { record, settle } from "../document/history";
import { NotAWorkflow, readDocument } from "../document/reading";
import { freeTitle, save } from "../keeping/saving";
import { asName, folderOf, plainName } from "../keeping/shelf";
import { get, newSheet, set, setSheet, sheet, sheetOf, type Sheet } from "../store";

/** Do something on the server; where it refuses, say so. */
export async function told(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof NotAWorkflow)) throw error;
    const hint = error instanceof Refusal && error.hint ? ` (${error.hint})` : "";
    set({ notice: error.message + hint, ...(error instanceof Refusal && error.status === 401 && { locked: true }) });
  }
}

/** Show a workflow in a new tab, or in the place of an empty one that nobody has touched; a new one gets a name that can be saved. */
export function show(name: string, version: string, document: Document, edited = false): void {
  performance.mark("nodegraph:open");
  const { catalogue, sheets, active } = get();
  const wanted = version === "" ? plainName(name) : name;
  const fresh = { ...newSheet(wanted, version, catalogue ? placed(document, catalogue) : document), saving: edited ? ("edited" as const) : ("saved" as const) };
  const here = sheet();
  const blank = here.version === "" && here.history.past.length === 0 && Object.keys(here.history.present.nodes).length === 0;
  set({
    sheets: blank ? sheets.map((each) => (each.id === active ? fresh : each)) : [...sheets, fresh],
    active: fresh.id, notice: null, dialog: null, palette: null, menu: null,
  });
}

/** A workflow that comes along, in a new tab, under its title. */
export const openTemplate = (name: string): Promise<void> =>
  told(async () => {
    const { workflow } = await readTemplate(name);
    show(workflow.view?.[".about"]?.title ?? name, "", workflow);
  });

/** The title of a workflow that came along, if it is a lesson: they are numbered. */
export const lessonOf = ({ view }: Document): string | undefined => /^\d.*/.exec(view?.[".about"]?.title ?? "")?.[0];

/** The lesson after the open one; after the last, all of them. */
export const nextLesson = (): Promise<void> =>
  told(async () => {
    const lessons = (await listTemplates()).filter(({ name }) => folderOf(name) === "lessons");
    const at = lessons.findIndex(({ title }) => title === lessonOf(sheet().history.present));
    const next = lessons[at + 1];
    if (next) await openTemplate(next.name);
    else set({ dialog: "learn" });
  });

export function goToSheet(id: string): void {
  if (sheetOf(id)) set({ active: id, palette: null, menu: null, wire: null });
}

export function nextSheet(by: number): void {
  const { sheets, active } = get();
  const at = sheets.findIndex(({ id }) => id === active);
  const next = sheets.at((at + by) % sheets.length);
  if (next) goToSheet(next.id);
}

/** A name that no open workflow has. */
const free = (name: string): string => freeTitle(get().sheets.map((each) => each.name), name);

export const startNew = () => show(free("untitled"), "", EMPTY);

/** Close a tab; its work is on the server first, or else it stays open. */
export async function closeSheet(id: string): Promise<void> {
  if (sheetOf(id)?.saving !== "saved") await save(id);
  const closing = sheetOf(id);
  if (!closing) return;
  if (closing.saving !== "saved") {
    set({ notice: `“${closing.name}” cannot be saved just now, so it stays open.` });
    return;
  }
  Object.values(closing.previews).forEach((url) => URL.revokeObjectURL(url));
  const { sheets, active } = get();
  const rest = sheets.filter((each) => each.id !== id);
  const at = sheets.indexOf(closing);
  const left = rest.length > 0 ? rest : [newSheet("untitled", "", EMPTY)];
  const next = left[Math.min(at, left.length - 1)]?.id ?? "";
  set({ sheets: left, active: active === id ? next : active });
}

/** Show a workflow from a text or a file, as a new one that takes nobody's name: ours, or of ComfyUI, or in a picture. */
export const importFile = (file: Blob, name: string): Promise<void> => told(() => openFile(file, name));

/** As `importFile`; the refusal of a file that has no workflow in it is the caller's to tell. */
export async function openFile(file: Blob, name: string): Promise<void> {
  const isPicture = file.type === "image/png" || /\.png$/i.test(name);
  const { workflow, problems } = await convert(isPicture ? file : await file.text());
  show(free(name.replace(/\.(json|png)$/i, "")), "", workflow, true);
  setSheet({ problems });
}

/** As `importFile`, without the server where it is not needed. */
export async function importText(text: string, name: string): Promise<void> {
  const isOurs = text.includes('"nodegraph"');
  if (!isOurs) return importFile(new Blob([text], { type: "application/json" }), name);
  await told(() => {
    show(free(name), "", readDocument(text), true);
    return Promise.resolve();
  });
}

/** The tab of a saved workflow; what only has its name is another. */
const tabOf = (name: string): Sheet | undefined => get().sheets.find((each) => each.name === name && each.version !== "");

export async function openSaved(name: string): Promise<void> {
  const open = tabOf(name);
  if (open) {
    goToSheet(open.id);
    set({ dialog: null });
    return;
  }
  await told(async () => {
    const found = await readWorkflow(name);
    show(found.name, found.version, found.workflow);
  });
}

/** Another name for the open workflow; what is saved moves with it, history included. */
export async function rename(name: string): Promise<void> {
  const { name: old, version } = sheet();
  const wanted = asName(name);
  if (wanted === "" || wanted === old) return;
  if (version === "") {
    setSheet({ name: wanted, saving: "edited" });
    return;
  }
  await told(() => moveSaved(old, wanted));
}

/** Another name for a saved workflow; where it is open, its tab goes along. */
export async function moveSaved(name: string, to: string): Promise<void> {
  const open = tabOf(name);
  if (open && open.saving !== "saved") await save(open.id);
  const moved = await moveWorkflow(name, to);
  if (open) setSheet({ name: moved.name, version: moved.version }, open.id);
}

/** Remove a saved workflow; where it is open, its tab stays, and is saved anew when it is changed. */
export async function removeSaved(name: string): Promise<void> {
  const open = tabOf(name);
  await deleteWorkflow(name);
  if (open) setSheet({ version: "" }, open.id);
}

/** Bring a removed workflow back as it was. */
export async function bringBack(name: string): Promise<void> {
  const [latest] = await listVersions(name);
  if (!latest) return;
  const { version } = await saveWorkflow(name, await readVersion(name, latest.name), "");
  const open = get().sheets.find((each) => each.name === name && each.version === "");
  if (open) setSheet({ version }, open.id);
}

/** Show what somebody else has saved of the open workflow, as one step of undo. */
export async function takeTheirs(): Promise<void> {
  const { id, name } = sheet();
  await told(async () => {
    const { workflow, version } = await readWorkflow(name);
    const { catalogue } = get();
    const mine = sheetOf(id);
    if (!mine || !catalogue) return;
    setSheet({ history: record(settle(mine.history), placed(workflow, catalogue)), version, saving: "saved" }, id);
  });
}

/** Go on with a copy under another name; the one before stays as it was saved. */
export async function saveAs(name: string): Promise<void> {
  const wanted = asName(name);
  if (wanted === "") return;
  await told(async () => {
    const { id, name: old, saving } = sheet();
    if (saving !== "saved" || wanted === old) await save(id);
    const mine = sheetOf(id);
    if (mine && wanted !== old) {
      // Only once the server has taken the name is it ours.
      const { present } = mine.history;
      const saved = await saveWorkflow(wanted, present, "").catch((error: unknown) => {
        throw error instanceof Refusal && error.status === 409 ? new Refusal(409, `There is a workflow “${wanted}” already.`) : error;
      });
      setSheet({ name: saved.name, version: saved.version, saving: sheetOf(id)?.history.present === present ? "saved" : "edited" }, id);
    }
    set({ dialog: null, notice: null });
  });
}
