import { useCallback, useEffect, useRef, useState } from "react";

import { catchUp } from "../../actions/jobs";
import { listJobs, type Job } from "../../api";
import { extended, merged, type Listed } from "../../running/jobs";
import { useStore } from "../../store";

const PAGE = 50;
const MOST = 999;
const EVERY_MS = 500;
/** Later than every job that has ended. */
const NEWEST = Number.MAX_SAFE_INTEGER;

export interface Jobs {
  /** Those that are known so far; null before the server has answered. */
  readonly jobs: readonly Job[] | null;
  readonly more: boolean;
  readonly showMore: () => void;
}

/** The jobs of the server, as they are now. */
export function useJobs(): Jobs {
  const beat = useStore((state) => state.beat);
  const [listed, setListed] = useState<Listed | null>(null);
  const asked = useRef(-EVERY_MS);
  const wanted = useRef(PAGE);

  useEffect(() => {
    const refresh = async () => {
      asked.current = performance.now();
      const limit = wanted.current;
      // One more than is shown tells whether there are more.
      const found = await listJobs(limit + 1).catch(() => null);
      if (!found) return;
      for (const { id, state } of found) if (state === "running") void catchUp(id);
      setListed((known) => merged(known, found.slice(0, limit), found.length <= limit));
    };
    const timer = setTimeout(() => void refresh(), Math.max(0, asked.current + EVERY_MS - performance.now()));
    return () => clearTimeout(timer);
  }, [beat]);

  const last = listed?.jobs.at(-1)?.ended ?? NEWEST;
  const asking = useRef(false);
  const ask = useCallback(async () => {
    if (asking.current) return;
    asking.current = true;
    const page = await listJobs(PAGE + 1, last).catch(() => null);
    asking.current = false;
    if (!page) return;
    wanted.current = Math.min(MOST, wanted.current + PAGE);
    setListed((known) => extended(known, page.slice(0, PAGE), page.length > PAGE));
  }, [last]);
  const showMore = useCallback(() => void ask(), [ask]);
  return { jobs: listed?.jobs ?? null, more: listed?.more ?? false, showMore };
}
