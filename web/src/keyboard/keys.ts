/** Keys as words ("Ctrl+Shift+Z"), and which of them people have chosen for a command. */

const KEPT = "nodegraph.keys";

interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** What was pressed; the command key of a Mac counts as Ctrl. Null for a modifier alone. */
export function keyOf({ key, ctrlKey, metaKey, altKey, shiftKey }: Pressed): string | null {
  if (["Control", "Meta", "Alt", "Shift", "Dead", "Process", "Unidentified"].includes(key)) return null;
  const name = key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key;
  // A sign that needs Shift on one keyboard may not on another.
  const sign = key.length === 1 && key.toLowerCase() === key.toUpperCase();
  const held = [ctrlKey || metaKey ? "Ctrl" : "", altKey ? "Alt" : "", shiftKey && !sign ? "Shift" : ""];
  return [...held.filter(Boolean), name].join("+");
}

export type Bindings = Readonly<Record<string, readonly string[]>>;

/** The keys that people chose, by command. */
export function chosenKeys(): Bindings {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Record<string, unknown>;
    const sound = Object.entries(found).filter(([, keys]) => Array.isArray(keys) && keys.every((key) => typeof key === "string"));
    return Object.fromEntries(sound) as Bindings;
  } catch {
    return {};
  }
}

export const keepKeys = (bindings: Bindings) => localStorage.setItem(KEPT, JSON.stringify(bindings));

const MAC = typeof navigator !== "undefined" && /Mac|iPad|iPhone/.test(navigator.userAgent);
const SIGNS: Readonly<Record<string, string>> = {
  Ctrl: MAC ? "⌘" : "Ctrl", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Delete: "Del",
};

/** Keys as they are shown. */
export const shownKeys = (keys: string): readonly string[] => keys.split(/\+(?!$)/).map((part) => SIGNS[part] ?? part);
