import { commandOf } from "../keyboard/commands";
import { run } from "../actions/run";
import { set, useSheet, useStore, type Panel } from "../store";
import { Icon, type IconName } from "./Icon";
import { helpOf } from "./Keys";
import { SavingState, Tabs } from "./Tabs";

function Tool({ id, icon, enabled = true }: { readonly id: string; readonly icon: IconName; readonly enabled?: boolean }) {
  const command = commandOf(id);
  return (
    <button type="button" className="icon" aria-label={command?.title} data-help={helpOf(id)} disabled={!enabled} onClick={command?.does}>
      <Icon name={icon} />
    </button>
  );
}

const PANELS: readonly Panel[] = ["queue", "gallery", "json", "history"];

function Panels() {
  const panel = useStore((state) => state.panel);
  return PANELS.map((id) => (
    <button
      key={id} type="button" className="icon" aria-label={commandOf(id)?.title} aria-pressed={panel === id} data-help={helpOf(id)}
      onClick={() => set({ panel: panel === id ? null : id })}
    >
      <Icon name={id} />
    </button>
  ));
}

export function TopBar() {
  const canUndo = useSheet((sheet) => sheet.history.past.length > 0);
  const canRedo = useSheet((sheet) => sheet.history.future.length > 0);
  return (
    <header className="bar top">
      <h1 className="unseen">nodegraph</h1>
      <button
        type="button" className="icon" aria-label="Menu" aria-haspopup="menu" data-help="Workflows and commands"
        onClick={() => set({ menu: { screen: [8, 48], at: [0, 0], on: "file" } })}
      >
        <Icon name="menu" />
      </button>
      <Tabs />
      <span className="space" />
      <SavingState />
      <span className="line" />
      <Tool id="undo" icon="undo" enabled={canUndo} />
      <Tool id="redo" icon="redo" enabled={canRedo} />
      <Tool id="tidy" icon="tidy" />
      <Tool id="fit" icon="fit" />
      <span className="line" />
      <Panels />
      <span className="line" />
      <button type="button" className="button primary" onClick={() => void run()} data-help={helpOf("run")}>
        <Icon name="run" />
        Run
      </button>
    </header>
  );
}
