// Loaded before the SDK's examples, which all listen on the same port of every interface and give made-up numbers: they
// listen where LISTEN says, on loopback, and chance is always the same. Not a server.
import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...more) {
  if (process.env.LISTEN === undefined || typeof port !== 'number') return listen.call(this, port, ...more);
  return listen.call(this, Number(process.env.LISTEN), '127.0.0.1', ...more.filter((one) => typeof one === 'function'));
};
Math.random = () => 0.5;
