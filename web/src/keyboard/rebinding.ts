/** Other keys for commands: what is in the way of them, and who has them then. */

import type { Bindings } from "./keys";

interface Bound {
  readonly id: string;
  readonly title: string;
  readonly keys: readonly string[];
  readonly fixed?: boolean;
}

/** Keys without which nobody could move about the page by keyboard. */
const NEEDED = new Set(["Tab", "Shift+Tab", "Enter", "Space", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);
export const isNeeded = (key: string): boolean => NEEDED.has(key);

const keysIn = (command: Bound, chosen: Bindings): readonly string[] =>
  command.fixed ? command.keys : Object.hasOwn(chosen, command.id) ? (chosen[command.id] ?? []) : command.keys;

/** The other command that has a key. */
export function holder<C extends Bound>(commands: readonly C[], chosen: Bindings, id: string, key: string): C | null {
  return commands.find((command) => command.id !== id && keysIn(command, chosen).includes(key)) ?? null;
}

/** With one key for a command, and for no other; those that are as they came are not written down. */
export function bound(commands: readonly Bound[], chosen: Bindings, id: string, key: string): Bindings {
  const next = commands.map((command): [Bound, readonly string[]] => {
    if (command.id === id) return [command, [key]];
    return [command, keysIn(command, chosen).filter((each) => each !== key)];
  });
  return written(next);
}

/** With the keys that a command came with; whoever has one of them now loses it. */
export function restored(commands: readonly Bound[], chosen: Bindings, id: string): Bindings {
  const own = commands.find((command) => command.id === id)?.keys ?? [];
  return written(commands.map((command) => {
    if (command.id === id) return [command, own];
    return [command, keysIn(command, chosen).filter((each) => !own.includes(each))];
  }));
}

function written(all: readonly (readonly [Bound, readonly string[]])[]): Bindings {
  const others = all.filter(([command, keys]) => !command.fixed && keys.join(" ") !== command.keys.join(" "));
  return Object.fromEntries(others.map(([command, keys]) => [command.id, keys]));
}
