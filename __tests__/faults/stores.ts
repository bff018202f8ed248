/** The stores that the faults are tried on: servers of this test alone, which it may stop, pause and start again. */
import { startPostgres } from '../helpers/postgres-server.ts';
import { startRedis } from '../helpers/redis-server.ts';
import type { StoreAddress } from './gateway-worker.ts';

export interface FaultStore {
  readonly name: 'postgres' | 'redis';
  /** @param timeoutMs how long one call may take @param port of a relay in front of the server */
  address(timeoutMs?: number, port?: number): StoreAddress;
  readonly port: number;
  stop(): Promise<void>;
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

export type StartStore = () => Promise<FaultStore>;

function addressing(
  kind: FaultStore['name'],
  url: string,
  prefix: string,
): Pick<FaultStore, 'name' | 'port' | 'address'> {
  const port = Number(new URL(url).port);
  return {
    name: kind,
    port,
    address(timeoutMs = 5000, relayPort = port) {
      const relayed = new URL(url);
      relayed.port = String(relayPort);
      return { kind, url: relayed.href, prefix, timeoutMs };
    },
  };
}

export const postgresStore: StartStore = async () => {
  const server = await startPostgres({ isOwn: true });
  return { ...server, ...addressing('postgres', await server.createDatabase(), '') };
};

export const redisStore: StartStore = async () => {
  const server = await startRedis({ isOwn: true, args: ['--appendonly', 'yes'] });
  return { ...server, ...addressing('redis', server.url, server.prefix) };
};
