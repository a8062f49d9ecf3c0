import { ViewportPortal, type Edge, type Node } from "@xyflow/react";
import { memo, useMemo } from "react";

import type { Problem } from "../../api";
import { own } from "../../document/document";
import type { RunState } from "../../running/run";
import { useSheet, useStore } from "../../store";

interface Props {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
}

/** Seen from far away, what there are thousands of is one drawing, with a path for each colour: as elements it would be slow. */
export const Distance = memo(function Distance({ nodes, edges }: Props) {
  const remote = useStore((state) => state.distance === "remote");
  const run = useSheet((sheet) => sheet.run.nodes);
  const problems = useSheet((sheet) => sheet.problems);
  const wires = useMemo(() => wirePaths(nodes, edges), [nodes, edges]);
  const boxes = useMemo(() => (remote ? boxPaths(nodes, run, problems) : new Map<string, string>()), [remote, nodes, run, problems]);
  return (
    <ViewportPortal>
      <svg className="drawing" width={1} height={1} aria-hidden="true">
        {[...wires, ...boxes].map(([className, path]) => (
          <path key={className} className={className} d={path} />
        ))}
      </svg>
    </ViewportPortal>
  );
});

/** Parts of paths by their class, put together. */
function joined(parts: Iterable<readonly [className: string, part: string]>): ReadonlyMap<string, string> {
  const paths = new Map<string, string[]>();
  for (const [className, part] of parts) {
    const path = paths.get(className);
    if (path) path.push(part);
    else paths.set(className, [part]);
  }
  return new Map([...paths].map(([className, path]) => [className, path.join("")]));
}

function wirePaths(nodes: readonly Node[], edges: readonly Edge[]): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  for (const { id, position, handles } of nodes) {
    for (const { id: socket, type, x, y, width = 0, height = 0 } of handles ?? []) {
      places.set(`${type} ${id}.${socket ?? ""}`, `${Math.round(position.x + x + width / 2)} ${Math.round(position.y + y + height / 2)}`);
    }
  }
  return joined(
    edges.flatMap(({ source, sourceHandle, target, targetHandle, className = "", selected }): [string, string][] => {
      const from = places.get(`source ${source}.${sourceHandle ?? ""}`);
      const to = places.get(`target ${target}.${targetHandle ?? ""}`);
      return from && to ? [[`line ${className}${selected ? " selected" : ""}`, `M${from}L${to}`]] : [];
    }),
  );
}

function boxPaths(nodes: readonly Node[], run: RunState["nodes"], problems: readonly Problem[]): ReadonlyMap<string, string> {
  const bad = new Set(problems.map((problem) => problem.node));
  const boxes = nodes.filter(({ type }) => type === "node");
  return joined(
    boxes.map(({ id, selected, position: { x, y }, width = 0, height = 0 }): [string, string] => {
      const state = bad.has(id) ? "failed" : (own(run, id)?.state ?? "");
      return [`box ${state}${selected ? " selected" : ""}`, `M${x} ${y}h${width}v${height}h${-width}z`];
    }),
  );
}
