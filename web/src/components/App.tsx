import type { DragEvent } from "react";

import { takeFiles } from "../actions/images";
import { toFlow } from "../layout/camera";
import { useStore } from "../store";
import { DropVeil, Hints } from "./Hints";
import { Lock } from "./Lock";
import { Menu } from "./Menu";
import { Palette } from "./Palette";
import { Notice } from "./Problems";
import { StatusBar } from "./StatusBar";
import { Tooltip } from "./Tooltip";
import { TopBar } from "./TopBar";
import { Viewer } from "./Viewer";
import { WireTip } from "./WireTip";
import { Canvas } from "./canvas/Canvas";
import { Dialogs } from "./dialogs";
import { SidePanel } from "./panels";
import { useKeys } from "./useKeys";
import { useLongPress } from "./useLongPress";

function drop(event: DragEvent): void {
  event.preventDefault();
  void takeFiles([...event.dataTransfer.files], toFlow([event.clientX, event.clientY]));
}

export function App() {
  const catalogue = useStore((state) => state.catalogue);
  const covered = useStore(({ dialog, compare }) => dialog !== null || compare.length > 0);
  useKeys();
  useLongPress();
  return (
    <div className="app" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <TopBar />
      <div className="middle">
        {catalogue ? <Canvas catalogue={catalogue} /> : <main className="canvas waiting">Waiting for the server …</main>}
        {catalogue && <Hints />}
        {catalogue && <SidePanel />}
      </div>
      <StatusBar />
      {!covered && <Notice />}
      {catalogue && <Palette catalogue={catalogue} />}
      {catalogue && <Dialogs />}
      {catalogue && <Viewer />}
      <Menu />
      <Lock />
      <Tooltip />
      <DropVeil />
      {catalogue && <WireTip catalogue={catalogue} />}
    </div>
  );
}
