// Creates a memory, stores three items, recalls one of them from a damaged cue, and shows what an error carries.
//
// usage: node example.mjs [HOST:PORT]
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

// Where the modules were installed: beside this file, or in the folder that NODE_MODULES names.
const require = createRequire(process.env.NODE_MODULES ? `${process.env.NODE_MODULES}/` : import.meta.url);
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const root = fileURLToPath(new URL('../../proto', import.meta.url));
const load = (file) => grpc.loadPackageDefinition(loader.loadSync(file, { includeDirs: [root], keepCase: true, longs: Number, enums: String, defaults: true }));
const { mneme } = load('mneme/v1/memory_service.proto');

const address = process.argv[2] ?? '127.0.0.1:7411';
const memories = new mneme.v1.MemoryService(address, grpc.credentials.createInsecure());

// One call as a promise, with a deadline.
const call = (method, request) =>
  new Promise((resolve, reject) =>
    memories[method](request, { deadline: Date.now() + 10_000 }, (error, response) => (error ? reject(error) : resolve(response))));

// Rows of numbers as the contract's Matrix, and back.
const matrix = (rows) => ({
  dtype: 'DTYPE_FLOAT32', rows: rows.length, cols: rows[0].length, data: Buffer.from(new Float32Array(rows.flat()).buffer),
});
const rowsOf = ({ rows, cols, data }) => {
  const numbers = new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
  return Array.from({ length: rows }, (_, i) => Array.from(numbers.subarray(i * cols, (i + 1) * cols)));
};

const memory = 'memories/node-example';
await call('DeleteMemory', { name: memory, allow_missing: true });
await call('CreateMemory', { memory_id: 'node-example', memory: { key_dim: 4, dense: {} } });
await call('Store', {
  memory,
  keys: matrix([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]),
  ids: ['red', 'green', 'blue'].map((text) => ({ text })),
});

const answer = await call('Retrieve', { memory, cues: matrix([[0.8, 0.1, 0.1, 0.05]]), top: 1 });
console.log('recall', rowsOf(answer.recalls)[0].map((x) => x.toFixed(3)).join(' '));
console.log('best item', answer.results[0].top[0].id.text);

try {
  await call('Retrieve', { memory, cues: matrix([[1, 2, 3]]) });
} catch (error) {
  console.log('refused:', error.details);
}
memories.close();
