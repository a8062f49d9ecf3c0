import { useEffect, useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from "react";

import { assetUrl } from "../api";
import { clicked, fitScale, zoomed, type Size } from "../layout/zoom";
import { useSize } from "./useSize";

const NONE: Size = { width: 0, height: 0 };
const MARGIN = 32;

interface Props {
  readonly id: string;
  readonly name: string;
  readonly onSize: (size: Size) => void;
  readonly children: ReactNode;
}

/** Which point of the picture, as fractions of it, is to stay at which place of the window. */
interface Anchor {
  readonly part: readonly [number, number];
  readonly at: readonly [number, number];
}

/** A picture as large as there is room, or nearer by click, wheel and buttons. */
export function Zoomable({ id, name, onSize, children }: Props) {
  const stage = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLImageElement>(null);
  const anchor = useRef<Anchor | null>(null);
  const room = useSize(stage);
  const [natural, setNatural] = useState(NONE);
  const [zoom, setZoom] = useState<number | null>(null);
  const fit = fitScale({ width: room.width - MARGIN, height: room.height - MARGIN }, natural);
  const scale = zoom ?? fit;
  const hold = (x: number, y: number) => {
    const box = image.current?.getBoundingClientRect();
    if (box) anchor.current = { part: [(x - box.left) / box.width, (y - box.top) / box.height], at: [x, y] };
  };
  useLayoutEffect(() => {
    const box = image.current?.getBoundingClientRect();
    if (!anchor.current || !box) return;
    const { part, at } = anchor.current;
    stage.current?.scrollBy(box.left + part[0] * box.width - at[0], box.top + part[1] * box.height - at[1]);
    anchor.current = null;
  }, [scale]);
  useWheel(stage, (event) => {
    hold(event.clientX, event.clientY);
    setZoom(zoomed(scale, event.deltaY < 0 ? 1 : -1, fit));
  });
  return (
    <div className="stage-frame">
      <div className="stage" ref={stage} tabIndex={0} role="group" aria-label="Picture">
        <img
          ref={image} className={scale > 1 ? "tiny" : undefined} src={assetUrl(id)} alt={name} draggable={false}
          style={{ width: natural.width * scale, height: natural.height * scale, cursor: zoom === null ? "zoom-in" : "zoom-out" }}
          onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) => {
            setNatural({ width, height });
            onSize({ width, height });
          }}
          onClick={(event) => {
            hold(event.clientX, event.clientY);
            setZoom(clicked(zoom, fit));
          }}
        />
      </div>
      {children}
      <div className="zooms panel" role="group" aria-label="Zoom">
        <button type="button" className="button small" aria-label="Further away" onClick={() => setZoom(zoomed(scale, -1, fit))}>−</button>
        <span role="status">{Math.round(scale * 100)} %</span>
        <button type="button" className="button small" aria-label="Nearer" onClick={() => setZoom(zoomed(scale, 1, fit))}>+</button>
        <button type="button" className="button small" aria-pressed={zoom === null} onClick={() => setZoom(null)}>Fit</button>
        <button type="button" className="button small" aria-pressed={zoom === 1} onClick={() => setZoom(1)}>1:1</button>
      </div>
    </div>
  );
}

/** React listens to the wheel only where it cannot be kept from scrolling. */
function useWheel(element: RefObject<HTMLElement | null>, onWheel: (event: WheelEvent) => void): void {
  const latest = useRef(onWheel);
  useEffect(() => {
    latest.current = onWheel;
  });
  useEffect(() => {
    const watched = element.current;
    const listen = (event: WheelEvent) => {
      event.preventDefault();
      latest.current(event);
    };
    watched?.addEventListener("wheel", listen, { passive: false });
    return () => watched?.removeEventListener("wheel", listen);
  }, [element]);
}
