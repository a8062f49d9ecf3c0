import { useStore } from "../../store";
import { JsonPanel } from "./JsonPanel";
import { Gallery } from "./Gallery";
import { Queue } from "./Queue";
import { Versions } from "./Versions";

/** The panel at the right side, if one is open. */
export function SidePanel() {
  const panel = useStore((state) => state.panel);
  switch (panel) {
    case "json":
      return <JsonPanel />;
    case "queue":
      return <Queue />;
    case "gallery":
      return <Gallery />;
    case "history":
      return <Versions />;
    case null:
      return null;
  }
}
