import { ViewportPortal, type Edge, type Node } from "@xyflow/react";
import { memo, useMemo } from "react";

interface Props {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
}

/** Seen from far away, the wires are one drawing, and a path for each colour: thousands of elements would be slow. */
export const FarWires = memo(function FarWires({ nodes, edges }: Props) {
  const paths = useMemo(() => pathsOf(nodes, edges), [nodes, edges]);
  return (
    <ViewportPortal>
      <svg className="far-wires" width={1} height={1} aria-hidden="true">
        {[...paths].map(([className, path]) => (
          <path key={className} className={className} d={path} />
        ))}
      </svg>
    </ViewportPortal>
  );
});

function pathsOf(nodes: readonly Node[], edges: readonly Edge[]): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  for (const { id, position, handles } of nodes) {
    for (const { id: socket, type, x, y, width = 0, height = 0 } of handles ?? []) {
      places.set(`${type} ${id}.${socket ?? ""}`, `${Math.round(position.x + x + width / 2)} ${Math.round(position.y + y + height / 2)}`);
    }
  }
  const paths = new Map<string, string[]>();
  for (const { source, sourceHandle, target, targetHandle, className = "", selected } of edges) {
    const from = places.get(`source ${source}.${sourceHandle ?? ""}`);
    const to = places.get(`target ${target}.${targetHandle ?? ""}`);
    const key = selected ? `${className} selected` : className;
    const path = paths.get(key) ?? [];
    if (from && to) path.push(`M${from}L${to}`);
    paths.set(key, path);
  }
  return new Map([...paths].map(([key, parts]) => [key, parts.join("")]));
}
