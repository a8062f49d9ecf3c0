import { useReactFlow, type Connection, type Edge, type FinalConnectionState, type OnConnectStartParams } from "@xyflow/react";
import { useRef } from "react";

import { edit, present } from "../../actions/edit";
import type { Loose } from "../../catalogue/catalogue";
import { connect, disconnect, type End, type Point } from "../../document/document";
import { get, set } from "../../store";
import { inputAt, isValid, outputAt } from "../../document/wiring";

export const ends = (wire: Connection | Edge): { from: End; to: End } => ({
  from: { node: wire.source, socket: wire.sourceHandle ?? "" },
  to: { node: wire.target, socket: wire.targetHandle ?? "" },
});

export function isValidWire(wire: Connection | Edge): boolean {
  const { catalogue } = get();
  const { from, to } = ends(wire);
  return !!catalogue && isValid(present(), catalogue, from, to);
}

/** An end of a wire that looks for another. */
export function loose(end: End, side: Loose["side"]): (Loose & End) | null {
  const { catalogue } = get();
  const type = catalogue && (side === "source" ? outputAt(present(), catalogue, end) : inputAt(present(), catalogue, end))?.type;
  return type == null ? null : { ...end, side, type };
}

function onConnectStart(_: unknown, { nodeId, handleId, handleType }: OnConnectStartParams): void {
  if (nodeId !== null && handleType) set({ wire: loose({ node: nodeId, socket: handleId ?? "" }, handleType) });
}

const pointOf = (event: MouseEvent | TouchEvent): Point => {
  const at = "changedTouches" in event ? event.changedTouches[0] : event;
  return [at?.clientX ?? 0, at?.clientY ?? 0];
};

/** What the wires do: end on a socket, or in the void, where a list of what fits opens. */
export function useWiring() {
  const { screenToFlowPosition } = useReactFlow();
  const reconnected = useRef(true);
  return {
    onConnectStart,
    onConnect: (wire: Connection) => {
      const { from, to } = ends(wire);
      edit(connect(present(), from, to));
    },
    onConnectEnd: (event: MouseEvent | TouchEvent, end: FinalConnectionState) => {
      const { wire } = get();
      set({ wire: null });
      if (!wire || end.isValid || end.toNode || !reconnected.current) return;
      const screen = pointOf(event);
      const { x, y } = screenToFlowPosition({ x: screen[0], y: screen[1] });
      set({ palette: { screen, at: [x, y], wire, present: false, into: null } });
    },
    onReconnectStart: () => {
      reconnected.current = false;
    },
    onReconnect: (old: Edge, wire: Connection) => {
      reconnected.current = true;
      const { from, to } = ends(wire);
      edit(connect(disconnect(present(), [ends(old).to]), from, to));
    },
    onReconnectEnd: (_: unknown, old: Edge) => {
      if (!reconnected.current) edit(disconnect(present(), [ends(old).to]));
      reconnected.current = true;
      set({ wire: null });
    },
  };
}
