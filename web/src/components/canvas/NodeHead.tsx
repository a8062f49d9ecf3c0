import { setTitle, toggleCollapsed, settle } from "../../actions/edit";
import type { Description } from "../../catalogue/catalogue";
import { own, viewOf, type NodeData } from "../../document/document";
import { HEADER } from "../../layout/geometry";
import type { NodeRun } from "../../running/run";
import { staleIn } from "../../running/stale";
import { useSheet } from "../../store";
import { Icon } from "../Icon";
import { Title } from "./Scenery";

const MODES = {
  mute: { mark: "muted", help: "Neither this node runs nor what needs it" },
  bypass: { mark: "bypassed", help: "This node does not run: what comes in goes on" },
} as const;

interface StateProps {
  readonly run: NodeRun | undefined;
  readonly mode: NodeData["mode"];
  /** Whether it would not come out the same now. */
  readonly stale: boolean;
}

function State({ run, mode, stale }: StateProps) {
  if (mode) return <span className="mark" data-help={MODES[mode].help}>{MODES[mode].mark}</span>;
  if (stale && (run?.state === "finished" || run?.state === "reused")) {
    const took = run.state === "finished" ? `\nThe last run took ${run.seconds.toFixed(3)} s` : "";
    return <span className="mark stale" data-help={`This node, or one that it needs, has changed: it runs again the next time${took}`}>changed</span>;
  }
  switch (run?.state) {
    case "finished":
      return <span className="mark good" data-help={`Took ${run.seconds.toFixed(3)} s`}>{seconds(run.seconds)}</span>;
    case "reused":
      return <span className="mark" data-help="The result of an earlier run is used again">reused</span>;
    case "failed":
      return <span className="mark bad">failed</span>;
    case "cancelled":
      return <span className="mark">stopped</span>;
    case "running":
      return <span className="mark active">{run.total > 0 ? `${run.done} / ${run.total}` : "running"}</span>;
    case undefined:
      return null;
  }
}

const seconds = (time: number): string => (time < 0.995 ? `${Math.max(1, Math.round(time * 1000))} ms` : `${time.toFixed(1)} s`);

interface HeadProps {
  readonly id: string;
  readonly node: NodeData;
  readonly description: Description | undefined;
}

export function NodeHead({ id, node, description }: HeadProps) {
  const run = useSheet((sheet) => own(sheet.run.nodes, id));
  const view = useSheet((sheet) => viewOf(sheet.history.present, id));
  const stale = useSheet((sheet) => staleIn(sheet.run.workflow, sheet.history.present).has(id));
  const title = view?.title ?? description?.title ?? node.type;
  const help = [description?.docs ?? `There is no node type ${node.type} here.`, view?.note].filter(Boolean).join("\n\n");
  const part = run?.state === "running" && run.total > 0 ? run.done / run.total : 0;
  const retitle = (text: string) => {
    settle();
    setTitle(id, text === description?.title ? "" : text);
  };
  return (
    <header className="node-head" style={{ height: HEADER }} data-help={help}>
      <button
        type="button" className="fold nodrag" aria-expanded={!view?.collapsed} aria-label={view?.collapsed ? `Unfold ${title}` : `Fold ${title}`}
        onClick={() => toggleCollapsed([id])}
      >
        <Icon name="fold" />
      </button>
      <Title flowId={id} title={title} onTitle={retitle} />
      <span className="id">{id}</span>
      {view?.note && <Icon name="note" />}
      <State run={run} mode={node.mode} stale={stale} />
      {run?.state === "running" && (
        <progress className={part === 0 ? "busy" : undefined} aria-label={`Progress of ${title}`} value={part} max={1} />
      )}
    </header>
  );
}
