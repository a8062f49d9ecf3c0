import {
  Background, BackgroundVariant, MiniMap, ReactFlow, useReactFlow,
  type Connection, type Edge, type EdgeChange, type FinalConnectionState, type Node, type NodeChange, type OnConnectStartParams,
} from "@xyflow/react";
import { useEffect, useMemo, useRef, type MouseEvent as ReactMouseEvent } from "react";

import { edit, present, remove, settle } from "../actions";
import { accepts, type Catalogue, type Loose } from "../catalogue";
import { connect, disconnect, leadsTo, moveNodes, own, type End, type Point } from "../document";
import { makeFlow, messagesIn, picturesIn } from "../flow";
import { GRID } from "../geometry";
import { get, set, useStore } from "../store";
import { NodeView } from "./NodeView";
import { useGoal } from "./useGoal";

const NODE_TYPES = { node: NodeView };
const SNAP: [number, number] = [GRID, GRID];
const DELETE = ["Delete", "Backspace"];

function useFlow(catalogue: Catalogue) {
  const document = useStore((state) => state.history.present);
  const selected = useStore((state) => state.selected);
  const wires = useStore((state) => state.wires);
  const tall = useStore((state) => picturesIn(state.run, state.previews));
  const noted = useStore((state) => messagesIn(state.run, state.problems));
  const flow = useMemo(() => makeFlow(), []);
  return useMemo(() => {
    const ids = (text: string) => new Set(JSON.parse(text) as string[]);
    return flow({ document, catalogue, selected, wires, tall: ids(tall), noted: ids(noted) });
  }, [flow, document, catalogue, selected, wires, tall, noted]);
}

function changed(before: ReadonlySet<string>, changes: readonly (NodeChange | EdgeChange)[]): ReadonlySet<string> {
  const after = new Set(before);
  for (const change of changes) {
    if (change.type !== "select") continue;
    if (change.selected) after.add(change.id);
    else after.delete(change.id);
  }
  return after.size === before.size && [...after].every((id) => before.has(id)) ? before : after;
}

function onNodesChange(changes: NodeChange[]): void {
  const places = new Map<string, Point>();
  for (const change of changes) {
    if (change.type === "position" && change.position) places.set(change.id, [change.position.x, change.position.y]);
  }
  if (places.size > 0) edit(moveNodes(present(), places), "move");
  const selected = changed(get().selected, changes);
  if (selected !== get().selected) set({ selected });
}

function onEdgesChange(changes: EdgeChange[]): void {
  const wires = changed(get().wires, changes);
  if (wires !== get().wires) set({ wires });
}

function onDelete({ nodes, edges }: { nodes: Node[]; edges: Edge[] }): void {
  remove(new Set(nodes.map((node) => node.id)), edges.map((edge) => ({ node: edge.target, socket: edge.targetHandle ?? "" })));
}

const ends = (wire: Connection | Edge): { from: End; to: End } => ({
  from: { node: wire.source, socket: wire.sourceHandle ?? "" },
  to: { node: wire.target, socket: wire.targetHandle ?? "" },
});

function isValid(wire: Connection | Edge): boolean {
  const { catalogue } = get();
  const { from, to } = ends(wire);
  const source = catalogue && own(catalogue.nodes, own(present().nodes, from.node)?.type ?? "");
  const target = catalogue && own(catalogue.nodes, own(present().nodes, to.node)?.type ?? "");
  const output = source?.outputs.find((each) => each.name === from.socket);
  const input = target?.inputs.find((each) => each.name === to.socket);
  return !!catalogue && !!output && !!input && accepts(catalogue, input.type, output.type) && !leadsTo(present(), to.node, from.node);
}

function onConnect(wire: Connection): void {
  const { from, to } = ends(wire);
  edit(connect(present(), from, to));
}

function onReconnect(old: Edge, wire: Connection): void {
  const { from, to } = ends(wire);
  edit(connect(disconnect(present(), [ends(old).to]), from, to));
}

function loose(node: string, socket: string, side: Loose["side"]): (Loose & End) | null {
  const description = get().catalogue?.nodes[own(present().nodes, node)?.type ?? ""];
  const sockets = side === "source" ? description?.outputs : description?.inputs;
  const type = sockets?.find((each) => each.name === socket)?.type;
  return type === undefined ? null : { node, socket, side, type };
}

function onConnectStart(_: unknown, { nodeId, handleId, handleType }: OnConnectStartParams): void {
  if (nodeId !== null && handleType) set({ wire: loose(nodeId, handleId ?? "", handleType) });
}

const pointOf = (event: MouseEvent | TouchEvent): Point => {
  const at = "changedTouches" in event ? event.changedTouches[0] : event;
  return [at?.clientX ?? 0, at?.clientY ?? 0];
};

/** What the wires do: end on a socket, or in the void, where a list of what fits opens. */
function useWiring() {
  const { screenToFlowPosition } = useReactFlow();
  const reconnected = useRef(true);
  return {
    onConnectStart,
    onConnect,
    onConnectEnd: (event: MouseEvent | TouchEvent, end: FinalConnectionState) => {
      const { wire } = get();
      set({ wire: null });
      if (!wire || end.isValid || end.toNode || !reconnected.current) return;
      const screen = pointOf(event);
      const { x, y } = screenToFlowPosition({ x: screen[0], y: screen[1] });
      set({ palette: { screen, at: [x, y], wire } });
    },
    onReconnectStart: () => {
      reconnected.current = false;
    },
    onReconnect: (old: Edge, wire: Connection) => {
      reconnected.current = true;
      onReconnect(old, wire);
    },
    onReconnectEnd: (_: unknown, old: Edge) => {
      if (!reconnected.current) edit(disconnect(present(), [ends(old).to]));
      reconnected.current = true;
      set({ wire: null });
    },
  };
}

const colour = (node: Node): string => {
  const failed = own(get().run.nodes, node.id)?.state === "failed";
  return failed || get().problems.some((problem) => problem.node === node.id) ? "failed" : "";
};

export function Canvas({ catalogue }: { readonly catalogue: Catalogue }) {
  const { nodes, edges } = useFlow(catalogue);
  const wiring = useWiring();
  const { screenToFlowPosition, fitView } = useReactFlow();
  const name = useStore((state) => state.name);
  useGoal();
  useEffect(() => void fitView({ padding: 0.08, maxZoom: 1 }), [name, fitView]);

  const openPalette = (event: ReactMouseEvent) => {
    if (!(event.target instanceof Element) || !event.target.classList.contains("react-flow__pane")) return;
    const { x, y } = screenToFlowPosition({ x: event.clientX, y: event.clientY });
    set({ palette: { screen: [event.clientX, event.clientY], at: [x, y], wire: null } });
  };
  return (
    <main className="canvas" onDoubleClick={openPalette} aria-label="Workflow">
      <ReactFlow
        nodes={nodes} edges={edges} nodeTypes={NODE_TYPES} onNodesChange={onNodesChange} onEdgesChange={onEdgesChange}
        onDelete={onDelete} onNodeDragStart={settle} onNodeDragStop={settle} isValidConnection={isValid} {...wiring}
        onlyRenderVisibleElements snapToGrid snapGrid={SNAP} minZoom={0.1} maxZoom={2} zoomOnDoubleClick={false}
        deleteKeyCode={DELETE} multiSelectionKeyCode="Shift" selectionKeyCode="Shift" fitView
        fitViewOptions={{ padding: 0.08, maxZoom: 1 }} connectionRadius={24} attributionPosition="bottom-left"
      >
        <Background variant={BackgroundVariant.Dots} gap={3 * GRID} size={1.5} />
        <MiniMap pannable zoomable nodeClassName={colour} ariaLabel="Map of the workflow" nodeBorderRadius={16} />
      </ReactFlow>
    </main>
  );
}

