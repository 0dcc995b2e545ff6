// Loaded into Node before LocalStack's Kinesis: servers listen on 127.0.0.1 only, and end with
// LocalStack, however that ends.
"use strict";

const { Server } = require("node:net");

const LOOPBACK = "127.0.0.1";
const listen = Server.prototype.listen;

Server.prototype.listen = function (...args) {
  const [first, second] = args;
  if (first !== null && typeof first === "object") {
    args[0] = { ...first, host: LOOPBACK };
  } else {
    args.splice(1, typeof second === "string" ? 1 : 0, LOOPBACK);
  }
  return listen.apply(this, args);
};

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) {
    process.exit(0);
  }
}, 500).unref();
