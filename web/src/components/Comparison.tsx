import { useRef, useState, type PointerEvent } from "react";

import { look } from "../actions/jobs";
import { assetUrl } from "../api";
import { fitScale, type Size } from "../layout/zoom";
import { Icon } from "./Icon";
import { useSize } from "./useSize";

const NONE: Size = { width: 0, height: 0 };
const MARGIN = 32;

interface Side {
  readonly id: string;
  readonly name: string;
}

/** Two pictures on top of each other, the left one up to a line that can be moved. */
export function Comparison({ left, right }: { readonly left: Side; readonly right: Side }) {
  const stage = useRef<HTMLDivElement>(null);
  const room = useSize(stage);
  const [at, setAt] = useState(50);
  const [size, setSize] = useState(NONE);
  const [rightSize, setRightSize] = useState(NONE);
  // Both in the room of the larger one, whatever their own sizes are.
  const large = size.width * size.height >= rightSize.width * rightSize.height ? size : rightSize;
  const scale = fitScale({ width: room.width - MARGIN, height: room.height - MARGIN }, large);
  const box = { width: large.width * scale, height: large.height * scale };
  const tiny = (own: Size) => (own.width < box.width ? "tiny" : undefined);
  return (
    <>
      <div className="stage" ref={stage}>
        <div className="pair-box" style={box} {...draggedOver(setAt)}>
          <img className={tiny(rightSize)} src={assetUrl(right.id)} alt={right.name} draggable={false} onLoad={({ currentTarget }) => setRightSize(sizeOf(currentTarget))} />
          <img
            className={tiny(size)} src={assetUrl(left.id)} alt={left.name} draggable={false} style={{ clipPath: `inset(0 ${100 - at}% 0 0)` }}
            onLoad={({ currentTarget }) => setSize(sizeOf(currentTarget))}
          />
          <span className="divider" style={{ left: `${at}%` }} />
        </div>
      </div>
      <footer>
        <Label side={left} size={size} />
        <input type="range" aria-label="Where the left picture ends" min={0} max={100} step={1} value={at} onChange={(event) => setAt(event.target.valueAsNumber)} />
        <Label side={right} size={rightSize} />
        <button type="button" className="icon" aria-label="Swap sides" data-help="Swap sides" onClick={() => look(right.id, left.id)}><Icon name="swap" /></button>
      </footer>
    </>
  );
}

const sizeOf = ({ naturalWidth, naturalHeight }: HTMLImageElement): Size => ({ width: naturalWidth, height: naturalHeight });

function Label({ side, size }: { readonly side: Side; readonly size: Size }) {
  return (
    <button type="button" className="side-label" onClick={() => look(side.id)}>
      <span>{side.name}</span>
      <small>{size.width > 0 ? `${size.width} × ${size.height}` : ""}</small>
    </button>
  );
}

/** The line goes where the pointer is held. */
function draggedOver(setAt: (at: number) => void) {
  const put = ({ currentTarget, clientX }: PointerEvent) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    setAt(Math.min(100, Math.max(0, ((clientX - left) / width) * 100)));
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      put(event);
    },
    onPointerMove: (event: PointerEvent) => {
      if (event.currentTarget.hasPointerCapture(event.pointerId)) put(event);
    },
  };
}
