import { useEffect, useState } from "react";

import type { Result } from "../api";
import { colourOf, type Catalogue } from "../catalogue/catalogue";
import { own, sourceOf, viewOf, type Document, type End, type Point } from "../document/document";
import { peek, seen } from "../running/peeks";
import { cornerAt } from "../layout/place";
import { plotOf, pngSize, shownSize } from "../running/plot";
import { staleIn } from "../running/stale";
import { useSheet, useStore } from "../store";
import { useTip, type Shown } from "./useTip";

const WIDTH = 264;
const LIKELY = 360;
const INSIDE = WIDTH - 26;
const PLOT = { width: 168, height: 64 };

/** The wire or the output that an element is part of. */
export function wireAt(under: Element): Element | null {
  const label = under.closest(".label.out");
  return under.closest(".react-flow__edge[data-id], .react-flow__handle.source[data-handleid]") ?? label?.parentElement?.querySelector(".react-flow__handle.source") ?? null;
}

const WIRES = { find: wireAt, delay: 250, reach: 64 };

interface Wire {
  readonly from: End;
  readonly to: End | null;
  readonly help: string;
}

function wireOf(element: Element, document: Document): Wire | null {
  const { id, nodeid = "", handleid = "", help = "" } = (element as HTMLElement | SVGElement).dataset;
  if (!element.matches(".react-flow__edge")) return { from: { node: nodeid, socket: handleid }, to: null, help: help.split("\n").slice(1).join("\n") };
  const to = sourceOf(id ?? "");
  const link = own(own(document.nodes, to.node)?.links, to.socket);
  return link === undefined ? null : { from: sourceOf(link), to, help: "" };
}

/** Where the card stands by: the pointer, or the middle of what has the focus. */
function pointOf({ element, pointer }: Shown): Point {
  if (pointer) return pointer;
  const { left, top, width, height } = (element.querySelector(".react-flow__edge-path") ?? element).getBoundingClientRect();
  return [Math.max(16, Math.min(left + width / 2, innerWidth - 16)), Math.max(16, Math.min(top + height / 2, innerHeight - 16))];
}

function titleOf(document: Document, catalogue: Catalogue, id: string): string {
  const type = own(document.nodes, id)?.type ?? "";
  return viewOf(document, id)?.title ?? own(catalogue.nodes, type)?.title ?? id;
}

/** Says what a wire or an output is, and what went through it in the last run. */
export function WireTip({ catalogue }: { readonly catalogue: Catalogue }) {
  const { id, box, shown } = useTip(WIRES);
  const document = useSheet(({ history }) => history.present);
  const drawing = useStore((state) => state.wire !== null);
  const wire = shown && wireOf(shown.element, document);
  if (!shown || !wire || drawing) return null;
  const { from, to, help } = wire;
  const type = own(catalogue.nodes, own(document.nodes, from.node)?.type ?? "")?.outputs.find(({ name }) => name === from.socket)?.type ?? "";
  const title = (end: End) => `${titleOf(document, catalogue, end.node)} · ${end.socket}`;
  return (
    <div id={id} ref={box} className="wire-tip panel" role="tooltip" aria-live="polite" style={{ width: WIDTH, ...cornerAt(pointOf(shown), WIDTH, LIKELY, [innerWidth, innerHeight]) }}>
      <strong className={`type-${colourOf(catalogue, type)}`}>{type}</strong>
      <dl>
        <dt>from</dt>
        <dd>{title(from)}</dd>
        {to && <dt>to</dt>}
        {to && <dd>{title(to)}</dd>}
      </dl>
      {help && <p>{help}</p>}
      <Through key={`${from.node}.${from.socket}`} from={from} />
    </div>
  );
}

/** What went through, if anything has. */
function Through({ from }: { readonly from: End }) {
  const job = useSheet(({ run }) => run.job);
  const state = useSheet(({ run }) => own(run.nodes, from.node)?.state);
  const stale = useSheet(({ run, history }) => staleIn(run.workflow, history.present).has(from.node));
  const ran = job !== null && (state === "finished" || state === "reused");
  const [told, setTold] = useState<Result | string | null>(ran ? seen(job, from) : null);
  const { node, socket } = from;
  useEffect(() => {
    if (!ran) return;
    let here = true;
    void peek(job, { node, socket }).then((result) => here && setTold(result));
    return () => {
      here = false;
    };
  }, [ran, job, node, socket]);
  if (!ran) return null;
  if (told === null) return <p className="soft">Looking …</p>;
  if (typeof told === "string") return <p className="soft">{told}</p>;
  return (
    <>
      {told.picture !== null && <Picture url={told.picture} />}
      {told.facts.length > 0 && (
        <dl className="facts">
          {told.facts.map(([name, text], index) => [<dt key={`${index} name`}>{name}</dt>, <dd key={index}>{text}</dd>])}
        </dl>
      )}
      {told.curve && <Curve curve={told.curve} />}
      {stale && <p className="soft">From the last run, before the latest changes.</p>}
    </>
  );
}

function Picture({ url }: { readonly url: string }) {
  const [width, height] = shownSize(pngSize(url) ?? [INSIDE, INSIDE], [INSIDE, 192]);
  return <img src={url} alt="" width={width} height={height} />;
}

function Curve({ curve }: { readonly curve: readonly number[] }) {
  const plot = plotOf(curve, PLOT.width, PLOT.height);
  if (!plot) return null;
  const { points, least, most, first, last } = plot;
  return (
    <figure className="plot" role="img" aria-label={`A curve of ${curve.length} values, from ${first} to ${last}, between ${least} and ${most}`}>
      <span className="most">{most}</span>
      <span className="least">{least}</span>
      <svg viewBox={`0 0 ${PLOT.width} ${PLOT.height}`} width={PLOT.width} height={PLOT.height} aria-hidden="true">
        <polyline points={points} />
      </svg>
      <figcaption>
        <span>first {first}</span>
        <span>last {last}</span>
      </figcaption>
    </figure>
  );
}
