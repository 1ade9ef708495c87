import type { Settings } from './settings.js';

/** How a client of the AWS SDK reaches a configured bucket. */
export function s3Options({ endpoint, region, accessKeyId, secretAccessKey }: NonNullable<Settings['uploads']['s3']>) {
  return {
    region,
    endpoint,
    // Servers other than Amazon's rarely support a host name per bucket or its newer checksums.
    forcePathStyle: endpoint !== undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
    // Without configured keys the SDK uses its default chain (environment, profile, role).
    ...(accessKeyId && secretAccessKey ? { credentials: { accessKeyId, secretAccessKey } } : {}),
  };
}
