import { Global, Module } from '@nestjs/common';
import { CacheInvalidationBroadcaster } from './cache-invalidation-broadcaster.js';
import { UserCaches } from './user-caches.js';

@Global()
@Module({ providers: [UserCaches, CacheInvalidationBroadcaster], exports: [UserCaches] })
export class CacheModule {}
