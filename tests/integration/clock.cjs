// Loaded into Node before LocalStack's Kinesis: its clock runs ahead by the milliseconds that are
// in the file CLOCK_AHEAD; without the file it is the machine's. It is the sum of this origin and
// a monotonic clock, which timers go by and which is left alone.
"use strict";

const { readFileSync } = require("node:fs");

const origin = performance.timeOrigin;

Object.defineProperty(performance, "timeOrigin", {
  get() {
    try {
      return origin + Number(readFileSync(process.env.CLOCK_AHEAD, "utf8"));
    } catch {
      return origin;
    }
  },
});
