import cluster from 'node:cluster';

// The reference with two processes on one port, as the service with WORKERS=2.
const PROCESS_ENTRIES = 2;

cluster.schedulingPolicy = cluster.SCHED_NONE;
if (cluster.isPrimary) {
  process.on('SIGTERM', () => process.exit(0));
  for (let index = 0; index < PROCESS_ENTRIES; index += 1) cluster.fork();
} else await import('./server.js');
