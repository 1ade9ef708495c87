import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { migrations } from './migrations/index.js';
import { databaseOptions, ownerUrl } from './src/database/connection-options.js';
import { loadSettings } from './src/config/load.js';
import { entities } from './src/entities.js';

const settings = loadSettings();

/** For the TypeORM command line; not connected yet. */
export default new DataSource({ ...databaseOptions(settings, ownerUrl(settings.database)), entities, migrations });
