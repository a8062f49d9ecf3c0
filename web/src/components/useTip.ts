import { useEffect, useId, useRef, useState, type RefObject } from "react";

import type { Point } from "../document/document";
import { get } from "../store";

/** What is explained just now, and where the pointer was; null where the focus is on it. */
export interface Shown {
  readonly element: Element;
  readonly pointer: Point | null;
}
interface Kind {
  /** What there is to explain about an element, by the element that it is about. */
  readonly find: (under: Element) => Element | null;
  readonly delay: number;
  /** How far the pointer may go from where it was, before the explanation goes, too. */
  readonly reach: number;
}
interface Tip {
  readonly id: string;
  /** The explanation itself: the pointer may go into it. */
  readonly box: RefObject<HTMLDivElement | null>;
  readonly shown: Shown | null;
}

const GRACE = 160;
const GONE = ["pointerdown", "keydown", "focusout"] as const;

/** Waits until the pointer rests on something, or the focus comes to it by key; gone with any key, Escape among them. */
export function useTip(kind: Kind): Tip {
  const { find, delay, reach } = kind;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  useEffect(() => new Watch({ find, delay, reach }, box, setShown).end, [find, delay, reach]);
  useEffect(() => {
    const focused = document.activeElement;
    if (shown?.pointer !== null || !focused) return;
    const before = focused.getAttribute("aria-describedby");
    focused.setAttribute("aria-describedby", before === null ? id : `${before} ${id}`);
    return () => (before === null ? focused.removeAttribute("aria-describedby") : focused.setAttribute("aria-describedby", before));
  }, [shown, id]);
  return { id, box, shown };
}

class Watch {
  private readonly stop = new AbortController();
  private showing: ReturnType<typeof setTimeout> | undefined;
  private leaving: ReturnType<typeof setTimeout> | undefined;
  private wanted: Element | null = null;
  private now: Shown | null = null;
  private pointer: Point = [0, 0];

  constructor(
    private readonly kind: Kind,
    private readonly box: RefObject<HTMLElement | null>,
    private readonly tell: (shown: Shown | null) => void,
  ) {
    const options = { signal: this.stop.signal, capture: true, passive: true };
    document.addEventListener("pointerover", this.over, options);
    document.addEventListener("pointermove", this.moved, options);
    document.addEventListener("focusin", this.focused, options);
    document.addEventListener("wheel", (event) => !this.isInside(event) && this.hide(), options);
    GONE.forEach((name) => document.addEventListener(name, this.hide, options));
  }

  readonly end = () => {
    this.hide();
    this.stop.abort();
  };

  private show(next: Shown | null): void {
    clearTimeout(this.leaving);
    this.now = next;
    this.tell(next);
  }

  private readonly hide = () => {
    clearTimeout(this.showing);
    this.wanted = null;
    this.show(null);
  };

  private wait(element: Element, byKey: boolean): void {
    clearTimeout(this.showing);
    this.wanted = element;
    this.showing = setTimeout(() => {
      if (element.isConnected && get().wire === null) this.show({ element, pointer: byKey ? null : this.pointer });
    }, this.kind.delay);
  }

  private isInside({ target }: Event): boolean {
    return target instanceof Node && this.box.current?.contains(target) === true;
  }

  private readonly over = (event: PointerEvent) => {
    this.pointer = [event.clientX, event.clientY];
    const element = event.target instanceof Element && event.buttons === 0 ? this.kind.find(event.target) : null;
    if (this.isInside(event) || (element && element === this.now?.element)) {
      clearTimeout(this.leaving);
      return;
    }
    if (element && element === this.wanted) return;
    clearTimeout(this.showing);
    this.wanted = null;
    if (this.now && this.now.pointer !== null) this.leaving = setTimeout(() => this.show(null), GRACE);
    if (element) this.wait(element, false);
  };

  private readonly moved = ({ clientX, clientY, target }: PointerEvent) => {
    this.pointer = [clientX, clientY];
    const [from, element] = [this.now?.pointer, this.now?.element];
    if (!from || !element || Math.hypot(clientX - from[0], clientY - from[1]) <= this.kind.reach) return;
    if (!(target instanceof Element) || this.kind.find(target) !== element) return;
    this.hide();
    this.wait(element, false);
  };

  private readonly focused = ({ target }: FocusEvent) => {
    const element = target instanceof Element && target.matches(":focus-visible") ? this.kind.find(target) : null;
    if (element) this.wait(element, true);
  };
}
