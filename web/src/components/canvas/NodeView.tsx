import { Handle, Position, type NodeProps } from "@xyflow/react";
import { memo } from "react";

import { resize } from "../../actions/edit";
import type { Problem } from "../../api";
import { hasSocket, type Catalogue, type Description } from "../../catalogue/catalogue";
import { own, viewOf } from "../../document/document";
import { HEADER, WIDTH, shapeOf } from "../../layout/geometry";
import { staleIn } from "../../running/stale";
import { useSheet, useStore } from "../../store";
import { NodeHead } from "./NodeHead";
import { Picture } from "./Picture";
import { RowView } from "./RowView";
import { Corner } from "./Scenery";

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

function Message({ id, problems }: { readonly id: string; readonly problems: readonly Problem[] }) {
  const failure = useSheet((sheet) => {
    const run = own(sheet.run.nodes, id);
    return run?.state === "failed" ? run.message : null;
  });
  const first = problems[0];
  const text = first ? first.message + (first.hint ? ` — ${first.hint}` : "") : failure;
  if (text === null) return null;
  return <p className="message" data-help={text}>{text}</p>;
}

/** A folded node's sockets, all in the middle of its sides, so that wires can still end there. */
function FoldedSockets({ description, catalogue }: { readonly description: Description; readonly catalogue: Catalogue }) {
  const inputs = description.inputs.filter((input) => hasSocket(catalogue, input));
  const place = { top: HEADER / 2 };
  return (
    <>
      {inputs.map(({ name }) => <Handle key={name} id={name} type="target" position={Position.Left} className="socket folded" style={place} />)}
      {description.outputs.map(({ name }) => <Handle key={name} id={name} type="source" position={Position.Right} className="socket folded" style={place} />)}
    </>
  );
}

export const NodeView = memo(function NodeView({ id, selected }: NodeProps) {
  const distance = useStore((state) => state.distance);
  return distance === "near" ? <NearNode id={id} selected={selected} /> : <FarNode id={id} selected={selected} remote={distance === "remote"} />;
});

interface Props {
  readonly id: string;
  readonly selected: boolean;
}

function useClasses({ id, selected }: Props, extra: string): string {
  return useSheet(({ history, run, problems }) => {
    const node = own(history.present.nodes, id);
    const state = own(run.nodes, id)?.state;
    const bad = state === "failed" || problems.some((problem) => problem.node === id);
    const stale = staleIn(run.workflow, history.present).has(id);
    const tint = viewOf(history.present, id)?.color;
    return ["node", extra, selected && "selected", bad && "bad", state, stale && "stale", node?.mode, tint && `tint-${tint}`].filter(Boolean).join(" ");
  });
}

/** From far away a node is its title, as large as can be read; from farther, it is a box in one drawing of all. */
function FarNode({ remote, ...props }: Props & { readonly remote: boolean }) {
  const { id } = props;
  const title = useSheet(({ history: { present } }) => viewOf(present, id)?.title ?? own(present.nodes, id)?.type);
  const classes = useClasses(props, "distant");
  return remote ? <article data-node={id} aria-label={title} /> : <article className={classes} data-node={id}>{title}</article>;
}

function NearNode(props: Props) {
  const { id, selected } = props;
  const node = useSheet(({ history }) => own(history.present.nodes, id));
  const view = useSheet(({ history }) => viewOf(history.present, id));
  const catalogue = useStore((state) => state.catalogue);
  const problems = useSheet((sheet) => problemsOf(sheet.problems, id));
  const tall = useSheet(({ run, previews }) => own(run.pictures, id) !== undefined || own(previews, id) !== undefined);
  const description = catalogue && node && own(catalogue.nodes, node.type);
  const classes = useClasses(props, description ? "" : "bad");
  if (!node || !catalogue) return null;
  const shape = shapeOf(description ?? undefined, node, view, { picture: tall, message: false });
  const title = view?.title ?? description?.title ?? node.type;
  return (
    <article className={`${classes} ${view?.collapsed ? "collapsed" : ""}`} aria-label={`${title}, ${id}`} data-node={id}>
      <NodeHead id={id} node={node} description={description ?? undefined} />
      {view?.collapsed && description ? <FoldedSockets description={description} catalogue={catalogue} /> : (
        <>
          <div className="rows">
            {shape.rows.map((row) => (
              <RowView key={`${row.kind} ${row.input?.name ?? ""} ${row.output?.name ?? ""}`} id={id} node={node} row={row} catalogue={catalogue} problems={problems} />
            ))}
          </div>
          <Picture id={id} title={title} height={shape.picture} />
          <Message id={id} problems={problems} />
          {selected && <Corner minWidth={WIDTH} onResize={(at, size) => resize(id, at, size)} />}
        </>
      )}
    </article>
  );
}
