import { type NodeProps } from "@xyflow/react";
import { memo } from "react";

import { assetUrl, type Problem } from "../api";
import type { Description } from "../catalogue";
import { own, type NodeData } from "../document";
import { HEADER, shapeOf } from "../geometry";
import type { NodeRun } from "../run";
import { get, useStore } from "../store";
import { RowView } from "./RowView";

const NO_PROBLEMS: readonly Problem[] = [];
let told: { readonly problems: readonly Problem[]; readonly byNode: Map<string, readonly Problem[]> } | null = null;

/** The problems of one node: the same list as long as they are the same. */
function problemsOf(problems: readonly Problem[], id: string): readonly Problem[] {
  if (problems.length === 0) return NO_PROBLEMS;
  if (told?.problems !== problems) told = { problems, byNode: new Map() };
  const known = told.byNode.get(id) ?? problems.filter((problem) => problem.node === id);
  told.byNode.set(id, known);
  return known.length > 0 ? known : NO_PROBLEMS;
}

function State({ run }: { readonly run: NodeRun | undefined }) {
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

function Header({ id, node, description }: { id: string; node: NodeData; description: Description | undefined }) {
  const run = useStore((state) => own(state.run.nodes, id));
  const view = own(get().history.present.view, id);
  const title = view?.title ?? description?.title ?? node.type;
  const help = [description?.docs ?? `There is no node type ${node.type} here.`, view?.note].filter(Boolean).join("\n\n");
  const part = run?.state === "running" && run.total > 0 ? run.done / run.total : 0;
  return (
    <header className="node-head" style={{ height: HEADER }} data-help={help}>
      <strong>{title}</strong>
      <span className="id">{id}</span>
      <State run={run} />
      {run?.state === "running" && (
        <progress className={part === 0 ? "busy" : undefined} aria-label={`Progress of ${title}`} value={part} max={1} />
      )}
    </header>
  );
}

function Picture({ id, title }: { readonly id: string; readonly title: string }) {
  const made = useStore((state) => own(state.run.pictures, id));
  const preview = useStore((state) => own(state.previews, id));
  const first = made?.[0];
  if (first === undefined && preview === undefined) return null;
  const address = first && assetUrl(first.id);
  return (
    <figure className="picture">
      {address === undefined ? (
        <img src={preview} alt={`${title}: preview`} draggable={false} />
      ) : (
        <a className="nodrag" href={address} target="_blank" rel="noreferrer" data-help={`${first?.name ?? ""}: open in full`}>
          <img src={address} alt={`${title}: ${first?.name ?? ""}`} draggable={false} />
        </a>
      )}
      {made && made.length > 1 && <figcaption>1 of {made.length}</figcaption>}
    </figure>
  );
}

function Message({ id, problems }: { readonly id: string; readonly problems: readonly Problem[] }) {
  const failure = useStore((state) => {
    const run = own(state.run.nodes, id);
    return run?.state === "failed" ? run.message : null;
  });
  const first = problems[0];
  const text = first ? first.message + (first.hint ? ` — ${first.hint}` : "") : failure;
  if (text === null) return null;
  return <p className="message" data-help={text}>{text}</p>;
}

export const NodeView = memo(function NodeView({ id, selected }: NodeProps) {
  const node = useStore((state) => own(state.history.present.nodes, id));
  const catalogue = useStore((state) => state.catalogue);
  const problems = useStore((state) => problemsOf(state.problems, id));
  const state = useStore((each) => own(each.run.nodes, id)?.state);
  if (!node || !catalogue) return null;
  const description = own(catalogue.nodes, node.type);
  const shape = description && shapeOf(description, node, { picture: false, message: false });
  const bad = problems.length > 0 || state === "failed" || !description;
  const classes = ["node", selected && "selected", bad && "bad", state].filter(Boolean).join(" ");
  return (
    <article className={classes} aria-label={`${description?.title ?? node.type}, ${id}`} data-node={id}>
      <Header id={id} node={node} description={description} />
      <div className="rows">
        {shape?.rows.map((row) => (
          <RowView key={`${row.kind} ${row.input?.name ?? ""} ${row.output?.name ?? ""}`} id={id} node={node} row={row} catalogue={catalogue} problems={problems} />
        ))}
      </div>
      <Picture id={id} title={description?.title ?? node.type} />
      <Message id={id} problems={problems} />
    </article>
  );
});
