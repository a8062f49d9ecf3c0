/** Everything that a key, a menu or a button can do, in one table. */

import { copied, duplicate } from "../actions/clipboard";
import * as edits from "../actions/edit";
import { closeSheet, nextSheet, startNew } from "../actions/files";
import { cancel, goToNextProblem, problemsToGoTo, run, runSelected } from "../actions/run";
import { fit, middleOfScreen, toFlow, zoomIn, zoomOut } from "../layout/camera";
import { boxesOf } from "../layout/geometry";
import { writeJson } from "../document/json";
import { chosenKeys, type Bindings } from "./keys";
import { isLive } from "../running/run";
import { save } from "../keeping/saving";
import { get, set, setSheet, sheet, type Dialog, type Panel } from "../store";

export interface Command {
  readonly id: string;
  readonly title: string;
  readonly group: "Run" | "Edit" | "Nodes" | "Arrange" | "View" | "File";
  readonly keys: readonly string[];
  readonly does: () => void;
  readonly enabled?: () => boolean;
  /** Works while a field of a node is written in, too. */
  readonly typing?: boolean;
  /** The browser's own event does it, and its keys are what they are. */
  readonly fixed?: boolean;
}

const some = () => sheet().selected.size > 0;
const any = () => some() || sheet().wires.size > 0;
const several = () => sheet().selected.size > 1;
const toggled = (panel: Panel) => () => set({ panel: get().panel === panel ? null : panel });
const opened = (dialog: Dialog) => () => set({ dialog });

function openPalette(): void {
  const at = middleOfScreen();
  set({ palette: { screen: [at[0] - 180, innerHeight / 4], at: toFlow(at), wire: null, present: false, into: null } });
}

function selectAll(): void {
  const { catalogue } = get();
  if (catalogue) setSheet({ selected: new Set(boxesOf(edits.present(), catalogue).keys()) });
}

/** Put a text into the clipboard, also where a page may not ask for it outright. */
export async function copyText(text: string): Promise<void> {
  const given = await navigator.clipboard.writeText(text).then(() => true, () => false).catch(() => false);
  if (given) return;
  const put = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  addEventListener("copy", put, { capture: true, once: true });
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else does it over plain HTTP
  document.execCommand("copy");
}

const nothing = () => undefined;
const renaming = () => set({ renaming: [...sheet().selected][0] ?? null });

export const COMMANDS: readonly Command[] = [
  { id: "run", title: "Run", group: "Run", keys: ["Ctrl+Enter"], does: () => void run(), typing: true },
  { id: "run_selected", title: "Run to here", group: "Run", keys: ["Ctrl+Shift+Enter"], does: () => void runSelected(), enabled: some, typing: true },
  { id: "cancel", title: "Cancel the run", group: "Run", keys: ["Ctrl+Shift+X"], does: () => void cancel(), enabled: () => isLive(sheet().run), typing: true },
  { id: "next_problem", title: "Next problem", group: "Run", keys: ["F8"], does: goToNextProblem, enabled: () => problemsToGoTo().length > 0, typing: true },
  { id: "undo", title: "Undo", group: "Edit", keys: ["Ctrl+Z"], does: edits.undo, enabled: () => sheet().history.past.length > 0, typing: true },
  { id: "redo", title: "Redo", group: "Edit", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], does: edits.redo, enabled: () => sheet().history.future.length > 0, typing: true },
  { id: "cut", title: "Cut", group: "Edit", keys: ["Ctrl+X"], does: nothing, fixed: true },
  { id: "copy", title: "Copy", group: "Edit", keys: ["Ctrl+C"], does: () => void copyText(copied() ?? ""), enabled: some, fixed: true },
  { id: "paste", title: "Paste", group: "Edit", keys: ["Ctrl+V"], does: nothing, fixed: true },
  { id: "paste_wired", title: "Paste with wires from outside", group: "Edit", keys: ["Ctrl+Shift+V"], does: nothing, fixed: true },
  { id: "duplicate", title: "Duplicate", group: "Edit", keys: ["Ctrl+D"], does: duplicate, enabled: some },
  { id: "remove", title: "Remove", group: "Edit", keys: ["Delete", "Backspace"], does: edits.removeSelected, enabled: any },
  { id: "select_all", title: "Select all", group: "Edit", keys: ["Ctrl+A"], does: selectAll },
  { id: "add", title: "Add a node", group: "Nodes", keys: ["/"], does: openPalette },
  { id: "find", title: "Find a node", group: "Nodes", keys: ["Ctrl+F"], does: opened("find"), typing: true },
  { id: "title", title: "Write a title", group: "Nodes", keys: ["F2"], does: renaming, enabled: some },
  { id: "bypass", title: "Bypass", group: "Nodes", keys: ["B"], does: () => edits.toggleMode("bypass"), enabled: some },
  { id: "mute", title: "Mute", group: "Nodes", keys: ["M"], does: () => edits.toggleMode("mute"), enabled: some },
  { id: "collapse", title: "Collapse", group: "Nodes", keys: ["C"], does: () => edits.toggleCollapsed(), enabled: some },
  { id: "frame", title: "Frame", group: "Nodes", keys: ["G"], does: () => edits.addFrame(toFlow(middleOfScreen())) },
  { id: "note", title: "Note", group: "Nodes", keys: ["N"], does: () => edits.addNote(toFlow(middleOfScreen())) },
  { id: "tidy", title: "Tidy", group: "Arrange", keys: ["T"], does: edits.arrange },
  { id: "align_left", title: "Align left edges", group: "Arrange", keys: ["Ctrl+Shift+ArrowLeft"], does: () => edits.lineUp("left"), enabled: several },
  { id: "align_right", title: "Align right edges", group: "Arrange", keys: ["Ctrl+Shift+ArrowRight"], does: () => edits.lineUp("right"), enabled: several },
  { id: "align_top", title: "Align top edges", group: "Arrange", keys: ["Ctrl+Shift+ArrowUp"], does: () => edits.lineUp("top"), enabled: several },
  { id: "align_bottom", title: "Align bottom edges", group: "Arrange", keys: ["Ctrl+Shift+ArrowDown"], does: () => edits.lineUp("bottom"), enabled: several },
  { id: "align_center", title: "Center in a column", group: "Arrange", keys: [], does: () => edits.lineUp("center"), enabled: several },
  { id: "align_middle", title: "Center in a row", group: "Arrange", keys: [], does: () => edits.lineUp("middle"), enabled: several },
  { id: "spread_across", title: "Equal gaps across", group: "Arrange", keys: [], does: () => edits.lineUp("across"), enabled: several },
  { id: "spread_down", title: "Equal gaps down", group: "Arrange", keys: [], does: () => edits.lineUp("down"), enabled: several },
  { id: "fit", title: "Show all", group: "View", keys: ["F"], does: () => fit() },
  { id: "fit_selection", title: "Show what is selected", group: "View", keys: ["Shift+F"], does: () => fit(true), enabled: some },
  { id: "zoom_in", title: "Zoom in", group: "View", keys: ["+", "="], does: zoomIn },
  { id: "zoom_out", title: "Zoom out", group: "View", keys: ["-"], does: zoomOut },
  { id: "queue", title: "Queue", group: "View", keys: ["Q"], does: toggled("queue") },
  { id: "gallery", title: "Gallery", group: "View", keys: ["P"], does: toggled("gallery") },
  { id: "json", title: "JSON", group: "View", keys: ["J"], does: toggled("json") },
  { id: "history", title: "Versions", group: "View", keys: ["H"], does: toggled("history") },
  { id: "shortcuts", title: "Keyboard shortcuts", group: "View", keys: ["?"], does: opened("shortcuts") },
  { id: "new", title: "New workflow", group: "File", keys: ["Alt+N"], does: startNew },
  { id: "open", title: "Open …", group: "File", keys: ["Ctrl+O"], does: opened("open"), typing: true },
  { id: "templates", title: "Templates …", group: "File", keys: ["Alt+T"], does: opened("templates") },
  { id: "learn", title: "Learn …", group: "File", keys: ["Alt+L"], does: opened("learn") },
  { id: "save", title: "Save", group: "File", keys: ["Ctrl+S"], does: () => void save(sheet().id), typing: true },
  { id: "save_as", title: "Save as …", group: "File", keys: ["Ctrl+Shift+S"], does: opened("save_as"), typing: true },
  { id: "copy_json", title: "Copy as JSON", group: "File", keys: ["Alt+C"], does: () => void copyText(writeJson(edits.present(), 2)) },
  { id: "close", title: "Close the tab", group: "File", keys: ["Alt+W"], does: () => void closeSheet(sheet().id) },
  { id: "next_sheet", title: "Next tab", group: "File", keys: ["Alt+PageDown"], does: () => nextSheet(1), typing: true },
  { id: "last_sheet", title: "Tab before", group: "File", keys: ["Alt+PageUp"], does: () => nextSheet(-1), typing: true },
];

export const keysOf = (command: Command, chosen: Bindings = chosenKeys()): readonly string[] => (command.fixed ? command.keys : (chosen[command.id] ?? command.keys));

export const commandOf = (id: string): Command | undefined => COMMANDS.find((command) => command.id === id);
