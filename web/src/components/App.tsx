import { useReactFlow } from "@xyflow/react";
import { useEffect, type DragEvent } from "react";

import { importText, redo, run, undo } from "../actions";
import { save } from "../saving";
import { get, set, useStore } from "../store";
import { Canvas } from "./Canvas";
import { Lock } from "./Lock";
import { Palette } from "./Palette";
import { Notice, Problems } from "./Problems";
import { Shelf } from "./Shelf";
import { StatusBar } from "./StatusBar";
import { Tooltip } from "./Tooltip";
import { TopBar } from "./TopBar";

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest("input, textarea, select") !== null;

/** What a key stands for; null for keys that are not ours. */
function commandOf(event: KeyboardEvent, atMiddle: () => void, fit: () => void): (() => void) | null {
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key === "Enter") return () => void run();
  if (control && event.key.toLowerCase() === "z") return event.shiftKey ? redo : undo;
  if (control && event.key.toLowerCase() === "y") return redo;
  if (control && event.key.toLowerCase() === "s") return () => void save();
  if (control || event.altKey || isTyping(event.target)) return null;
  if (event.key === "/") return atMiddle;
  if (event.key.toLowerCase() === "f") return fit;
  return null;
}

function useKeys(): void {
  const { screenToFlowPosition, fitView } = useReactFlow();
  useEffect(() => {
    const atMiddle = () => {
      const { x, y } = screenToFlowPosition({ x: innerWidth / 2, y: innerHeight / 2 });
      set({ palette: { screen: [innerWidth / 2 - 180, innerHeight / 4], at: [x, y], wire: null } });
    };
    const fit = () => void fitView({ padding: 0.08, maxZoom: 1, duration: 200 });
    const onKey = (event: KeyboardEvent) => {
      const command = commandOf(event, atMiddle, fit);
      if (!command || get().shelf || get().locked) return;
      event.preventDefault();
      command();
    };
    const onPaste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (isTyping(event.target) || !text.trimStart().startsWith("{")) return;
      event.preventDefault();
      void importText(text, "pasted");
    };
    addEventListener("keydown", onKey);
    addEventListener("paste", onPaste);
    return () => {
      removeEventListener("keydown", onKey);
      removeEventListener("paste", onPaste);
    };
  }, [screenToFlowPosition, fitView]);
}

async function drop(event: DragEvent): Promise<void> {
  event.preventDefault();
  const file = event.dataTransfer.files[0];
  if (file) await importText(await file.text(), file.name.replace(/\.json$/i, ""));
}

export function App() {
  const catalogue = useStore((state) => state.catalogue);
  useKeys();
  return (
    <div className="app" onDragOver={(event) => event.preventDefault()} onDrop={(event) => void drop(event)}>
      <TopBar />
      {catalogue ? <Canvas catalogue={catalogue} /> : <main className="canvas waiting">Waiting for the server …</main>}
      <StatusBar />
      <Problems />
      <Notice />
      {catalogue && <Palette catalogue={catalogue} />}
      <Shelf />
      <Lock />
      <Tooltip />
    </div>
  );
}
