import { useEffect, useState, type RefObject } from "react";

import type { Size } from "../layout/zoom";

/** How large an element is inside, as long as it is there. */
export function useSize(element: RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    const watched = element.current;
    if (!watched) return;
    // With its border, as bars for scrolling must not make the picture smaller, and then go, and come again.
    const observer = new ResizeObserver(() => setSize({ width: watched.offsetWidth, height: watched.offsetHeight }));
    observer.observe(watched);
    return () => observer.disconnect();
  }, [element]);
  return size;
}
