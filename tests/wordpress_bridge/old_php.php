<?php
/**
 * Says what in the given files PHP 7.4 cannot read: the machine's own PHP is newer and would not mind.
 *
 * @package Relance
 */

$names   = array( 'T_MATCH', 'T_NULLSAFE_OBJECT_OPERATOR', 'T_ATTRIBUTE', 'T_ENUM', 'T_READONLY' );
$unknown = array( 'array_is_list', 'get_debug_type', 'get_resource_id', 'fdiv', 'json_validate', 'array_find' );
$types   = array( 'mixed', 'never', 'static', 'null', 'false', 'true' );
foreach ( array_slice( $argv, 1 ) as $file ) {
	$tokens = array_values(
		array_filter(
			token_get_all( file_get_contents( $file ) ),
			static function ( $token ) {
				return ! is_array( $token ) || ! in_array( $token[0], array( T_WHITESPACE, T_COMMENT, T_DOC_COMMENT ), true );
			}
		)
	);
	$text   = static function ( $at ) use ( $tokens ) {
		return isset( $tokens[ $at ] ) ? ( is_array( $tokens[ $at ] ) ? $tokens[ $at ][1] : $tokens[ $at ] ) : '';
	};
	$line   = 0;
	foreach ( $tokens as $at => $token ) {
		$line = is_array( $token ) ? $token[2] : $line;
		$name = is_array( $token ) ? token_name( $token[0] ) : '';
		$said = '';
		if ( in_array( $name, $names, true ) ) {
			$said = $name;
		} elseif ( 'T_STRING' === $name && in_array( $token[1], $unknown, true ) && '(' === $text( $at + 1 ) ) {
			$said = $token[1] . '()';
		} elseif ( 'T_STRING' === $name && ':' === $text( $at + 1 ) && in_array( $text( $at - 1 ), array( '(', ',' ), true ) ) {
			$said = 'a named argument';
		} elseif ( 'T_ELLIPSIS' === $name && '(' === $text( $at - 1 ) && ')' === $text( $at + 1 ) ) {
			$said = 'a callable made by (...)';
		} elseif ( 'T_CATCH' === $name && ')' === $text( $at + 3 ) ) {
			$said = 'a catch without a variable';
		} elseif ( 'T_THROW' === $name && in_array( $text( $at - 1 ), array( '=>', '??', '?:', ':', '=' ), true ) ) {
			$said = 'a throw inside an expression';
		} elseif ( 'T_FUNCTION' === $name || 'T_FN' === $name ) {
			for ( $to = $at + 1; '(' !== $text( $to ); $to++ );
			for ( $depth = 0, $to; '' !== $text( $to ); $to++ ) {
				$depth += '(' === $text( $to ) ? 1 : ( ')' === $text( $to ) ? -1 : 0 );
				if ( ( '|' === $text( $to ) && 1 === $depth ) || ( 1 === $depth && ',' === $text( $to ) && ')' === $text( $to + 1 ) ) ) {
					$said = 'a union type, or a comma after the last parameter';
				}
				if ( in_array( $text( $to ), array( 'public', 'private', 'protected' ), true ) ) {
					$said = 'a promoted property';
				}
				if ( 0 === $depth ) {
					break;
				}
			}
			if ( ':' === $text( $to + 1 ) && in_array( strtolower( $text( $to + 2 ) ), $types, true ) ) {
				$said = 'a return type ' . $text( $to + 2 );
			}
		}
		if ( '' !== $said ) {
			echo basename( $file ), ':', $line, ' ', $said, "\n";
		}
	}
}
