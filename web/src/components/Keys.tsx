import { commandOf, keysOf } from "../keyboard/commands";
import { shownKeys } from "../keyboard/keys";

/** The keys of a command, the first of them. */
export function Keys({ id }: { readonly id: string }) {
  const command = commandOf(id);
  const first = command && keysOf(command)[0];
  if (first === undefined) return null;
  return <span className="keys">{shownKeys(first).map((part) => <kbd key={part}>{part}</kbd>)}</span>;
}

/** What a button does and the keys that do it too, as help. */
export function helpOf(id: string): string {
  const command = commandOf(id);
  const first = command && keysOf(command)[0];
  return `${command?.title ?? ""}${first === undefined ? "" : ` · ${shownKeys(first).join(" ")}`}`;
}
