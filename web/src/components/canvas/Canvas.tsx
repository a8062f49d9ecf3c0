import {
  Background, BackgroundVariant, MiniMap, ReactFlow, useReactFlow, useStoreApi,
  type Edge, type EdgeChange, type Node, type NodeChange, type OnMove,
} from "@xyflow/react";
import { useEffect, useMemo, useState, type MouseEvent as ReactMouseEvent } from "react";

import { inside, move, putInto, settle } from "../../actions/edit";
import type { Catalogue } from "../../catalogue/catalogue";
import { FIT, setCamera, toFlow } from "../../layout/camera";
import { linksOf, own, sourceOf, type Point } from "../../document/document";
import { makeFlow, messagesIn, picturesIn, thingOf } from "../../layout/flow";
import { DOT } from "../../layout/flow";
import { GRID, boxesOf } from "../../layout/geometry";
import { get, set, setSheet, sheet, useSheet, useStore, type Menu } from "../../store";
import { Problems } from "../Problems";
import { Distance } from "./Distance";
import { NodeView } from "./NodeView";
import { DotView, FrameView, NoteView } from "./Scenery";
import { WireView } from "./WireView";
import { useGoal } from "./useGoal";
import { isValidWire, useWiring } from "./useWiring";

const NODE_TYPES = { node: NodeView, frame: FrameView, note: NoteView, dot: DotView };
const EDGE_TYPES = { wire: WireView };
const NO_EDGES: Edge[] = [];
const SNAP: [number, number] = [GRID, GRID];
/** Seen from farther than this, nodes have no details. */
const FAR = 0.35;
/** Seen from farther than this, nothing can be read. */
const REMOTE = 0.15;

function useFlow(catalogue: Catalogue) {
  const document = useSheet(({ history }) => history.present);
  const selected = useSheet((each) => each.selected);
  const wires = useSheet((each) => each.wires);
  const tall = useSheet(({ run, previews }) => picturesIn(run, previews));
  const noted = useSheet(({ run, problems }) => messagesIn(run, problems));
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

/** What lies in the frames that are being dragged. */
let carried: ReadonlyMap<string, ReadonlySet<string>> | null = null;

function onNodesChange(changes: NodeChange[]): void {
  const places = new Map<string, Point>();
  for (const change of changes) {
    if (change.type !== "position" || !change.position) continue;
    const { x, y } = change.position;
    places.set(change.id, thingOf(change.id).kind === "dot" ? [x + DOT / 2, y + DOT / 2] : [x, y]);
  }
  if (places.size > 0) move(places, carried);
  const selected = changed(sheet().selected, changes);
  if (selected !== sheet().selected) setSheet({ selected });
}

function onEdgesChange(changes: EdgeChange[]): void {
  const wires = changed(sheet().wires, changes);
  if (wires !== sheet().wires) setSheet({ wires });
}

function onNodeDragStart(_: unknown, __: Node, dragged: Node[]): void {
  settle();
  const frames = dragged.filter(({ type }) => type === "frame");
  carried = new Map(frames.map(({ id }) => [id, inside(id)]));
}

/** A node without wires that is dropped on a wire goes into it. */
function onNodeDragStop(event: MouseEvent | TouchEvent | ReactMouseEvent, node: Node, dragged: Node[]): void {
  carried = null;
  const { present } = sheet().history;
  const free = node.type === "node" && dragged.length === 1 && linksOf(present, node.id).length === 0;
  if (free && "clientX" in event) {
    const into = wireUnder(event.clientX, event.clientY);
    if (into !== null) putInto(node.id, sourceOf(into));
  }
  settle();
}

export function wireUnder(x: number, y: number): string | null {
  const wires = document.elementsFromPoint(x, y).flatMap((element) => element.closest<HTMLElement>(".react-flow__edge") ?? []);
  return wires[0]?.dataset.id ?? null;
}

const colour = (node: Node): string => {
  const { run, problems } = sheet();
  const failed = own(run.nodes, node.id)?.state === "failed" || problems.some((problem) => problem.node === node.id);
  return `map-${failed ? "failed" : (node.type ?? "")}`;
};

const onMove: OnMove = (_, { zoom }) => {
  const distance = zoom < REMOTE ? "remote" : zoom < FAR ? "far" : "near";
  if (distance !== get().distance) set({ distance });
};
const onMoveEnd: OnMove = (_, viewport) => setSheet({ viewport });

const openMenu = (event: ReactMouseEvent | MouseEvent, on: Menu["on"]) => {
  event.preventDefault();
  const screen: Point = [event.clientX, event.clientY];
  set({ menu: { screen, at: toFlow(screen), on }, palette: null });
};

function onNodeContextMenu(event: ReactMouseEvent, { id }: Node): void {
  if (!sheet().selected.has(id)) setSheet({ selected: new Set([id]), wires: new Set() });
  openMenu(event, "selection");
}

function onEdgeContextMenu(event: ReactMouseEvent, { id }: Edge): void {
  setSheet({ selected: new Set(), wires: new Set([id]) });
  openMenu(event, "wire");
}

/** React Flow would measure every node and socket that it mounts; we have told it where they are, also where none is drawn. */
function useOwnGeometry(): void {
  const store = useStoreApi();
  useState(() => store.setState({ updateNodeInternals: () => undefined }));
}

/** Look at the workflow that has come to the front: where one had been in it, or at all of it. */
function useArrival(catalogue: Catalogue): void {
  const active = useStore((state) => state.active);
  const { fitView, setViewport } = useReactFlow();
  useEffect(() => {
    const { viewport, history } = sheet();
    // React Flow would put a fit to nothing off until there is a node, and then jump.
    const place = viewport ?? (boxesOf(history.present, catalogue).size === 0 ? { x: 0, y: 0, zoom: 1 } : null);
    const arrived = () => requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("nodegraph:shown")));
    void (place ? setViewport(place) : fitView(FIT)).then(arrived);
  }, [active, catalogue, fitView, setViewport]);
}

export function Canvas({ catalogue }: { readonly catalogue: Catalogue }) {
  const { nodes, edges } = useFlow(catalogue);
  const far = useStore((state) => state.distance !== "near");
  useOwnGeometry();
  useGoal();
  useArrival(catalogue);
  const openPalette = (event: ReactMouseEvent) => {
    if (!(event.target instanceof Element) || !event.target.classList.contains("react-flow__pane")) return;
    const screen: Point = [event.clientX, event.clientY];
    set({ palette: { screen, at: toFlow(screen), wire: null, present: false, into: null } });
  };
  return (
    <main className="canvas" onDoubleClick={openPalette} aria-label="Workflow">
      <ReactFlow
        nodes={nodes} edges={far ? NO_EDGES : edges} nodeTypes={NODE_TYPES} edgeTypes={EDGE_TYPES} onInit={setCamera}
        onNodesChange={onNodesChange} onEdgesChange={onEdgesChange} onNodeDragStart={onNodeDragStart} onNodeDragStop={onNodeDragStop}
        onSelectionDragStart={(event, dragged) => dragged[0] && onNodeDragStart(event, dragged[0], dragged)} onSelectionDragStop={settle}
        onMove={onMove} onMoveEnd={onMoveEnd} isValidConnection={isValidWire} {...useWiring()}
        onNodeContextMenu={onNodeContextMenu} onEdgeContextMenu={onEdgeContextMenu} onPaneContextMenu={(event) => openMenu(event, "canvas")}
        onSelectionContextMenu={(event) => openMenu(event, "selection")}
        onEdgeDoubleClick={(event, { id }) => set({ palette: { screen: [event.clientX, event.clientY], at: toFlow([event.clientX, event.clientY]), wire: null, present: false, into: sourceOf(id) } })}
        onlyRenderVisibleElements elevateNodesOnSelect={false} snapToGrid snapGrid={SNAP} minZoom={0.04} maxZoom={2}
        zoomOnDoubleClick={false} deleteKeyCode={null} multiSelectionKeyCode="Shift" selectionKeyCode="Shift"
        connectionRadius={24} attributionPosition="bottom-left"
      >
        {!far && <Background variant={BackgroundVariant.Dots} gap={3 * GRID} size={1.5} />}
        {far && <Distance nodes={nodes} edges={edges} />}
        <MiniMap pannable zoomable nodeClassName={colour} ariaLabel="Map of the workflow" nodeBorderRadius={16} />
      </ReactFlow>
      <Problems />
    </main>
  );
}
