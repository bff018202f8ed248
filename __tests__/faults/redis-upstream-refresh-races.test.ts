import { redisStore } from './stores.ts';
import { upstreamRefreshRaces } from './upstream-refresh-races.ts';

upstreamRefreshRaces(redisStore);
