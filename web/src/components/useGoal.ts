import { useReactFlow } from "@xyflow/react";
import { useEffect } from "react";

import { own } from "../document";
import { WIDTH, heightOf } from "../geometry";
import { get, useStore } from "../store";
import { fieldId } from "./RowView";

const STILL = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Go where the state says, and put the focus there. */
export function useGoal(): void {
  const goal = useStore((state) => state.goal);
  const { setCenter } = useReactFlow();
  useEffect(() => {
    const { catalogue, history } = get();
    const node = goal && own(history.present.nodes, goal.end.node);
    const at = goal && own(history.present.view, goal.end.node)?.at;
    if (!goal || !node || !at || !catalogue) return;
    const middle = at[1] + heightOf(catalogue, node) / 2;
    void setCenter(at[0] + WIDTH / 2, middle, { zoom: 1, duration: STILL() ? 0 : 250 }).then(() => {
      setTimeout(() => focus(goal.end.node, goal.end.socket), 50);
    });
  }, [goal, setCenter]);
}

function focus(node: string, socket: string): void {
  const field = document.getElementById(fieldId(node, socket));
  const whole = document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(node)}"]`);
  (field ?? whole)?.focus({ preventScroll: true });
}
