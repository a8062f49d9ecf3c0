import { useLayoutEffect } from "react";

import { beside, type Side } from "../layout/place";
import type { Box } from "../document/scenery";
import { useTip } from "./useTip";
import { wireAt } from "./WireTip";

const WIDTH = 304;

const HELP = { find: (under: Element) => (wireAt(under) ? null : under.closest('[data-help]:not([data-help=""])')), delay: 350, reach: Infinity };

/** What must stay free, and where the tip goes best: beside a node, so that the rest of it can still be read. */
function placeOf(element: Element): { box: Box; sides: readonly Side[] } {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const node = element.closest(".react-flow__node")?.getBoundingClientRect();
  if (!node) return { box: [left, top, right, bottom], sides: ["below", "above", "right", "left"] };
  const isLeft = left + right < node.left + node.right - 8;
  return { box: [node.left - 8, top, node.right + 8, bottom], sides: isLeft ? ["left", "right", "below", "above"] : ["right", "left", "below", "above"] };
}

function putBeside(tip: HTMLElement, element: Element): void {
  const { box, sides } = placeOf(element);
  const [left, top] = beside(box, [tip.offsetWidth, tip.offsetHeight], [innerWidth, innerHeight], sides);
  tip.style.left = `${left}px`;
  tip.style.top = `${top}px`;
}

/** Says what is under the pointer, or has the focus: anything with `data-help`. */
export function Tooltip() {
  const { id, box, shown } = useTip(HELP);
  useLayoutEffect(() => {
    if (box.current && shown) putBeside(box.current, shown.element);
  }, [box, shown]);
  if (!shown) return null;
  return (
    <div id={id} ref={box} className="tip panel" role="tooltip" style={{ maxWidth: WIDTH }}>
      {shown.element.getAttribute("data-help")}
    </div>
  );
}
