/** Where something small goes, beside what it is about: within the window, and never over it. */

import type { Point } from "../document/document";
import type { Box } from "../document/scenery";

export type Side = "below" | "above" | "left" | "right";

const GAP = 8;

const within = (value: number, size: number, room: number): number => Math.max(GAP, Math.min(value, room - size - GAP));

/** The top left of a box of a size, on the first side that has room for it; or else on the roomiest. */
export function beside(box: Box, size: Point, room: Point, sides: readonly Side[]): Point {
  const [left, top, right, bottom] = box;
  const spare: Readonly<Record<Side, number>> = {
    below: room[1] - bottom - size[1], above: top - size[1], left: left - size[0], right: room[0] - right - size[0],
  };
  const roomiest = [...sides].sort((one, other) => spare[other] - spare[one])[0];
  const side = sides.find((each) => spare[each] >= 2 * GAP) ?? roomiest;
  if (side === "left" || side === "right") return [side === "left" ? left - GAP - size[0] : right + GAP, within(top, size[1], room[1])];
  return [within(left, size[0], room[0]), side === "above" ? top - GAP - size[1] : bottom + GAP];
}

/** Which corner of a card stays where it is beside a point, however tall the card becomes. */
export interface Corner {
  readonly left: number;
  readonly top?: number;
  readonly bottom?: number;
  readonly maxHeight: number;
}

export function cornerAt([x, y]: Point, width: number, likely: number, room: Point): Corner {
  const away = 2 * GAP;
  const left = x + away + width + GAP <= room[0] ? x + away : Math.max(GAP, x - away - width);
  const [below, above] = [room[1] - y - away - GAP, y - away - GAP];
  if (below >= likely || below >= above) return { left, top: y + away, maxHeight: below };
  return { left, bottom: room[1] - y + away, maxHeight: above };
}
