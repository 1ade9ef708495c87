import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Answers, Public } from '../../common/http/decorators.js';
import type { PublicJwk } from '../../crypto/jwk.js';
import { SigningKeys } from './signing-keys.js';

class JwkBody implements PublicJwk {
  @ApiProperty({ enum: ['EC'], description: 'Key type' }) kty: 'EC';
  @ApiProperty({ enum: ['P-256'], description: 'Curve' }) crv: 'P-256';
  @ApiProperty({ description: 'Coordinate, base64url' }) x: string;
  @ApiProperty({ description: 'Coordinate, base64url' }) y: string;
  @ApiProperty({ description: 'RFC 7638 thumbprint, named in the header of tokens' }) kid: string;
  @ApiProperty({ enum: ['sig'], description: 'Signatures' }) use: 'sig';
  @ApiProperty({ enum: ['ES256'], description: 'Algorithm' }) alg: 'ES256';
}

class JwksBody {
  @ApiProperty({ type: [JwkBody] }) keys: JwkBody[];
}

/** Where services that verify access tokens offline find the public keys (RFC 7517). */
@ApiTags('auth')
@Controller('.well-known/jwks.json')
export class JwksController {
  constructor(private readonly keys: SigningKeys) {}

  @Public()
  @Get()
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({ summary: 'Public keys of access tokens signed with ES256' })
  @Answers(200, JwksBody)
  listSigningKeys(): JwksBody {
    return { keys: this.keys.publicKeys() };
  }
}
