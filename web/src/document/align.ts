/** Lining up what is selected. */

import type { Point } from "./document";
import type { Box } from "./scenery";

export type Side = "left" | "right" | "top" | "bottom" | "center" | "middle" | "across" | "down";

const middleOf = (box: Box, axis: 0 | 1): number => (box[axis] + box[axis + 2 as 2 | 3]) / 2;

/** New places for some boxes: on one line, or (across, down) with equal gaps between the first and the last. */
export function align(boxes: ReadonlyMap<string, Box>, side: Side): ReadonlyMap<string, Point> {
  const all = [...boxes.values()];
  const edge = (index: 0 | 1 | 2 | 3, pick: (...values: number[]) => number) => pick(...all.map((box) => box[index]));
  const moved = (place: (box: Box) => Point) => new Map([...boxes].map(([id, box]) => [id, place(box)]));
  switch (side) {
    case "left":
      return moved((box) => [edge(0, Math.min), box[1]]);
    case "right":
      return moved((box) => [edge(2, Math.max) - (box[2] - box[0]), box[1]]);
    case "top":
      return moved((box) => [box[0], edge(1, Math.min)]);
    case "bottom":
      return moved((box) => [box[0], edge(3, Math.max) - (box[3] - box[1])]);
    case "center":
      return moved((box) => [Math.round((edge(0, Math.min) + edge(2, Math.max)) / 2 - (box[2] - box[0]) / 2), box[1]]);
    case "middle":
      return moved((box) => [box[0], Math.round((edge(1, Math.min) + edge(3, Math.max)) / 2 - (box[3] - box[1]) / 2)]);
    case "across":
      return spread(boxes, 0);
    case "down":
      return spread(boxes, 1);
  }
}

function spread(boxes: ReadonlyMap<string, Box>, axis: 0 | 1): ReadonlyMap<string, Point> {
  const sorted = [...boxes].sort(([, a], [, b]) => middleOf(a, axis) - middleOf(b, axis));
  const length = (box: Box) => box[axis + 2 as 2 | 3] - box[axis];
  const first = sorted[0]?.[1];
  const last = sorted.at(-1)?.[1];
  if (!first || !last) return new Map();
  const taken = sorted.reduce((sum, [, box]) => sum + length(box), 0);
  const gap = (last[axis + 2 as 2 | 3] - first[axis] - taken) / Math.max(1, sorted.length - 1);
  let at: number = first[axis];
  return new Map(
    sorted.map(([id, box]): [string, Point] => {
      const place: Point = axis === 0 ? [Math.round(at), box[1]] : [box[0], Math.round(at)];
      at += length(box) + gap;
      return [id, place];
    }),
  );
}
