import { BaseEdge, type EdgeProps } from "@xyflow/react";
import { memo } from "react";

import type { Point } from "../../document/document";

const BEND = 24;

/** A smooth way from socket to socket through the dots of a wire. */
export function wirePath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let before = first;
  let path = `M${first[0]},${first[1]}`;
  for (const point of rest) {
    const bend = Math.max(BEND, Math.abs(point[0] - before[0]) / 2);
    path += `C${before[0] + bend},${before[1]} ${point[0] - bend},${point[1]} ${point[0]},${point[1]}`;
    before = point;
  }
  return path;
}

export const WireView = memo(function WireView({ sourceX, sourceY, targetX, targetY, data }: EdgeProps) {
  const dots = (data?.dots ?? []) as readonly Point[];
  return <BaseEdge path={wirePath([[sourceX, sourceY], ...dots, [targetX, targetY]])} interactionWidth={20} />;
});
