import { useEffect, useState } from "react";

import { NO_PACE, leftInWords, paced, secondsLeft } from "../running/estimate";
import { sheet, subscribe, useSheet } from "../store";

/** How long the run that is shown will still take, where that is more than a moment. */
export function TimeLeft() {
  const run = useSheet((sheet) => sheet.run);
  const [pace, setPace] = useState(NO_PACE);
  useEffect(() => {
    let seen: unknown = null;
    return subscribe(() => {
      const now = sheet().run;
      if (now === seen) return;
      seen = now;
      setPace((before) => paced(before, now, performance.now() / 1000));
    });
  }, []);
  return <span className="time-left">{leftInWords(secondsLeft(pace, run))}</span>;
}
