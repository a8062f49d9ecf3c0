import { useReactFlow } from "@xyflow/react";
import { useEffect } from "react";

import { isStill } from "../../layout/camera";
import { own } from "../../document/document";
import { boxOf } from "../../layout/geometry";
import { get, sheet, useStore } from "../../store";
import { fieldId } from "./RowView";

/** Go where the state says, and put the focus there. */
export function useGoal(): void {
  const goal = useStore((state) => state.goal);
  const { setCenter } = useReactFlow();
  useEffect(() => {
    const { catalogue } = get();
    const { present } = sheet().history;
    if (!goal || !own(present.nodes, goal.end.node) || !catalogue) return;
    const [left, top, right, bottom] = boxOf(present, catalogue, goal.end.node);
    void setCenter((left + right) / 2, (top + bottom) / 2, { zoom: 1, duration: isStill() ? 0 : 250 }).then(() => {
      setTimeout(() => focus(goal.end.node, goal.end.socket), 50);
    });
  }, [goal, setCenter]);
}

function focus(node: string, socket: string): void {
  const field = document.getElementById(fieldId(node, socket));
  const socketHandle = document.querySelector<HTMLElement>(`[data-nodeid="${CSS.escape(node)}"][data-handleid="${CSS.escape(socket)}"]`);
  const whole = document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(node)}"]`);
  (field ?? socketHandle ?? whole)?.focus({ preventScroll: true });
}
