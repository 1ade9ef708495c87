import { Global, Module } from '@nestjs/common';
import { CacheNotices } from './cache-invalidation-broadcaster.js';
import { UserCaches } from './user-caches.js';

@Global()
@Module({ providers: [UserCaches, CacheNotices], exports: [UserCaches] })
export class CacheModule {}
