import { useEffect, useRef, useState, type KeyboardEvent } from "react";

import { COMMANDS, keysOf, type Command } from "../../keyboard/commands";
import { chosenKeys, keepKeys, keyOf, shownKeys, type Bindings } from "../../keyboard/keys";
import { bound, holder, isNeeded, restored } from "../../keyboard/rebinding";
import { score } from "../../catalogue/search";
import { Icon } from "../Icon";
import { Dialog } from "./Dialog";

/** A command that waits for its new keys; those that another has, or that nobody may take. */
interface Asking {
  readonly id: string;
  readonly key: string | null;
  readonly holder: Command | null;
}

function matches(query: string, command: Command, chosen: Bindings): boolean {
  const words = query.trim().toLowerCase();
  return words === "" || score(words, command.title) !== null || keysOf(command, chosen).some((key) => key.toLowerCase().includes(words));
}

/** Back to the button of a command, when its keys are no longer asked for. */
const focusOn = (id: string) => setTimeout(() => document.querySelector<HTMLElement>(`[data-command="${id}"] button:last-child`)?.focus());

export function Shortcuts() {
  const field = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(chosenKeys);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [said, setSaid] = useState("");
  const change = (next: Bindings, words: string) => {
    keepKeys(next);
    setChosen(next);
    setSaid(words);
    ask(null);
  };
  const ask = (next: Asking | null) => {
    setAsking(next);
    if (asking && !next) focusOn(asking.id);
  };
  useEffect(() => field.current?.focus(), []);
  const shown = COMMANDS.filter((command) => matches(query, command, chosen));
  const groups = [...new Set(shown.map(({ group }) => group))];
  const own = Object.keys(chosen).length > 0;
  return (
    <Dialog title="Keyboard shortcuts" className="shortcuts">
      <div className="tools">
        <input
          ref={field} className="field search" aria-label="Search commands and keys" placeholder="Search" autoComplete="off"
          value={query} onChange={(event) => setQuery(event.target.value)}
        />
        <button type="button" className="button" disabled={!own} onClick={() => change({}, "All commands have their first keys again.")}>
          All back to default
        </button>
      </div>
      <p className="said" role="status">{said}</p>
      <div className="commands">
        {groups.map((group) => (
          <section key={group} aria-label={group}>
            <h3>{group}</h3>
            <ul>
              {shown.filter((each) => each.group === group).map((command) => (
                <Row
                  key={command.id} command={command} chosen={chosen} asking={asking?.id === command.id ? asking : null} onAsk={ask}
                  onLeave={() => setAsking(null)}
                  onBind={(key) => change(bound(COMMANDS, chosen, command.id, key), `${command.title}: ${shownKeys(key).join(" ")}`)}
                  onRestore={() => change(restored(COMMANDS, chosen, command.id), `${command.title} has its first keys again.`)}
                />
              ))}
            </ul>
          </section>
        ))}
        {shown.length === 0 && <p className="none">No command of this name, and none with these keys.</p>}
      </div>
    </Dialog>
  );
}

interface RowProps {
  readonly command: Command;
  readonly chosen: Bindings;
  readonly asking: Asking | null;
  readonly onAsk: (asking: Asking | null) => void;
  /** The focus went elsewhere by itself. */
  readonly onLeave: () => void;
  readonly onBind: (key: string) => void;
  readonly onRestore: () => void;
}

function Row(props: RowProps) {
  const { command, chosen, asking, onAsk, onRestore } = props;
  const keys = keysOf(command, chosen);
  return (
    <li data-command={command.id}>
      <span>{command.title}</span>
      {asking ? <Ask {...props} asking={asking} /> : (
        <>
          <span className="all-keys">
            {keys.length === 0 && <small>none</small>}
            {keys.map((key) => <span className="keys" key={key}>{shownKeys(key).map((part) => <kbd key={part}>{part}</kbd>)}</span>)}
          </span>
          {command.fixed ? <small className="fixed">the browser’s</small> : (
            <span className="acts">
              {command.id in chosen && (
                <button
                  type="button" className="icon small" aria-label={`${command.title}: back to default`} data-help="Back to default" onClick={onRestore}
                >
                  <Icon name="undo" />
                </button>
              )}
              <button
                type="button" className="button small" aria-label={`Change the keys of ${command.title}`}
                onClick={() => onAsk({ id: command.id, key: null, holder: null })}
              >
                Change
              </button>
            </span>
          )}
        </>
      )}
    </li>
  );
}

/** Waits for keys, and says who has them. */
function Ask({ command, chosen, asking, onAsk, onLeave, onBind }: RowProps & { readonly asking: Asking }) {
  const { key, holder: other } = asking;
  const press = (event: KeyboardEvent) => {
    const pressed = keyOf(event);
    if (pressed === null || pressed === "Tab" || pressed === "Shift+Tab") return;
    event.preventDefault();
    event.stopPropagation();
    const holds = holder(COMMANDS, chosen, command.id, pressed);
    if (isNeeded(pressed) || holds) onAsk({ id: command.id, key: pressed, holder: holds });
    else onBind(pressed);
  };
  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    onAsk(null);
  };
  const named = key === null ? "" : shownKeys(key).join(" ");
  const free = other !== null && !other.fixed && key !== null && !isNeeded(key);
  return (
    <span
      className="asking" onKeyDownCapture={leave}
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && onLeave()}
    >
      <button type="button" className="button small press" autoFocus onKeyDown={press} onClick={(event) => event.currentTarget.focus()}>
        {key === null ? "Press the new keys, Esc to leave" : named}
      </button>
      {key !== null && (
        <span role="alert">
          {isNeeded(key) ? "This key moves about the page." : other?.fixed ? `${other.title}: the browser has it.` : `${other?.title ?? ""} has it.`}
        </span>
      )}
      {free && <button type="button" className="button small" autoFocus onClick={() => onBind(key)}>Take it over</button>}
    </span>
  );
}
