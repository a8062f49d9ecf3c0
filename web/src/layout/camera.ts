/** Where the canvas looks: what commands need of React Flow. */

import type { ReactFlowInstance } from "@xyflow/react";

import type { Point } from "../document/document";
import { get, sheet } from "../store";

let flow: ReactFlowInstance | null = null;

export const setCamera = (instance: ReactFlowInstance | null) => {
  flow = instance;
};

export const isStill = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
const duration = () => (isStill() ? 0 : 200);

/** A place on the screen as one of the workflow. */
export function toFlow(screen: Point): Point {
  const { x, y } = flow?.screenToFlowPosition({ x: screen[0], y: screen[1] }) ?? { x: screen[0], y: screen[1] };
  return [x, y];
}

export const middleOfScreen = (): Point => [innerWidth / 2, innerHeight / 2];

export const FIT = { padding: 0.08, maxZoom: 1, minZoom: 0.04 };

/** Show all of the workflow, or what is selected. */
export function fit(onlySelected = false): void {
  const nodes = onlySelected ? [...sheet().selected].map((id) => ({ id })) : undefined;
  void flow?.fitView({ ...FIT, duration: duration(), ...(nodes && nodes.length > 0 && { nodes }) });
}

export const zoomIn = () => void flow?.zoomIn({ duration: duration() });
export const zoomOut = () => void flow?.zoomOut({ duration: duration() });

/** Put the focus on a node, once it is drawn, unless people have gone on to something else by then. */
export function focusNode(id: string): void {
  requestAnimationFrame(() => {
    if (get().palette || get().menu || get().dialog) return;
    document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  });
}

/** Look again from where one did before. */
export const lookFrom = (viewport: { readonly x: number; readonly y: number; readonly zoom: number }) => void flow?.setViewport(viewport, { duration: duration() });
