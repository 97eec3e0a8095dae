<?php
/**
 * Speaking with Relance: one signed POST, and the proof of the few that come from there.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * The connection code, the signature, the answer.
 */
class Relance_Wire {

	/**
	 * Exchanges a connection code for the secret that signs from now on. The code works once.
	 *
	 * @param string $code As it was copied from Relance.
	 * @return true|WP_Error
	 */
	public static function connect( $code ) {
		$read = self::read_code( $code );
		if ( is_wp_error( $read ) ) {
			return $read;
		}
		list( $hook, $key ) = $read;

		$answer = self::post(
			$hook . '/connect',
			$key,
			array(
				'site'     => home_url( '/' ),
				'rest'     => rest_url(),
				'name'     => get_bloginfo( 'name' ),
				'language' => substr( get_locale(), 0, 2 ),
				'zone'     => wp_timezone_string(),
				'version'  => RELANCE_VERSION,
				'wp'       => get_bloginfo( 'version' ),
				'php'      => PHP_VERSION,
				'shop'     => class_exists( 'WooCommerce' ),
			),
			10
		);
		if ( 200 !== $answer['status'] || ! is_array( $answer['json'] ) || empty( $answer['json']['secret'] ) ) {
			return new WP_Error( 'relance_connect', self::why_not( $answer ) );
		}
		$said = $answer['json'];
		Relance_Store::connect(
			array(
				'hook'    => $hook,
				'secret'  => (string) $said['secret'],
				'name'    => isset( $said['name'] ) ? sanitize_text_field( $said['name'] ) : '',
				'country' => isset( $said['country'] ) && preg_match( '/^[A-Z]{2}$/', $said['country'] ) ? $said['country'] : 'FR',
				'since'   => time(),
				'offset'  => $answer['offset'],
			)
		);
		Relance_Queue::wake();
		return true;
	}

	/**
	 * The address and the key that a connection code holds.
	 *
	 * @param string $code As it was pasted: blanks and line ends of an e-mail do no harm.
	 * @return array|WP_Error
	 */
	public static function read_code( $code ) {
		$code  = preg_replace( '/\s+/', '', (string) $code );
		$wrong = new WP_Error( 'relance_code', __( 'This is not a connection code. Copy it again from Relance, from its first to its last character.', 'relance' ) );
		if ( ! preg_match( '/^RLC-([A-Za-z0-9_-]{20,600})$/', $code, $found ) ) {
			return $wrong;
		}
		$text = base64_decode( strtr( $found[1], '-_', '+/' ), true );
		if ( false === $text || ! preg_match( '~^(https?)://([^/\s@#?]+)(/[^\s#?]*)?#([A-Za-z0-9_-]{20,80})$~', $text, $parts ) ) {
			return $wrong;
		}
		if ( 'http' === $parts[1] && ! self::is_near( $parts[2] ) ) {
			return new WP_Error( 'relance_http', __( 'Relance must be reached by https: without it your visitors’ numbers would travel in the clear.', 'relance' ) );
		}
		return array( $parts[1] . '://' . $parts[2] . $parts[3], $parts[4] );
	}

	/**
	 * Whether a host is on this machine or in this house, where http does no harm.
	 *
	 * @param string $host Host and perhaps port.
	 * @return bool
	 */
	private static function is_near( $host ) {
		$name = preg_replace( '/:\d+$/', '', $host );
		$ip   = filter_var( trim( $name, '[]' ), FILTER_VALIDATE_IP ) ? trim( $name, '[]' ) : gethostbyname( $name );
		return ! filter_var( $ip, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE );
	}

	/**
	 * Says something on the connection, signed at this moment.
	 *
	 * @param string $topic    events, code/start, code/check.
	 * @param array  $what     What is said.
	 * @param int    $timeout  Seconds.
	 * @param string $delivery The same for the same words.
	 * @return array `post`'s answer.
	 */
	public static function say( $topic, array $what, $timeout = 3, $delivery = '' ) {
		$connection = Relance_Store::connection();
		if ( empty( $connection['hook'] ) || empty( $connection['secret'] ) ) {
			return array(
				'status' => 0,
				'json'   => null,
				'error'  => __( 'This site is not connected.', 'relance' ),
				'after'  => 0,
				'offset' => 0,
			);
		}
		$offset = isset( $connection['offset'] ) ? (int) $connection['offset'] : 0;
		$answer = self::post( $connection['hook'] . '/' . $topic, $connection['secret'], $what, $timeout, $delivery, $offset );
		if ( 401 === $answer['status'] && abs( $answer['offset'] - $offset ) > 60 ) {
			// The clock of this machine is wrong, and a signature is good for five minutes: once more, by Relance's clock.
			$connection['offset'] = $answer['offset'];
			update_option( 'relance_connection', $connection, false );
			$answer = self::post( $connection['hook'] . '/' . $topic, $connection['secret'], $what, $timeout, $delivery, $answer['offset'] );
		}
		return $answer;
	}

	/**
	 * One signed POST.
	 *
	 * @param string $url      Where.
	 * @param string $secret   What it is signed with.
	 * @param array  $what     What is said.
	 * @param int    $timeout  Seconds.
	 * @param string $delivery The same for the same words.
	 * @param int    $offset   By how many seconds Relance's clock is ahead of ours.
	 * @return array status (0 without an answer), json, error, after (seconds), offset.
	 */
	private static function post( $url, $secret, array $what, $timeout, $delivery = '', $offset = 0 ) {
		$body     = wp_json_encode( $what );
		$stamp    = (string) ( time() + $offset );
		$response = wp_remote_post(
			$url,
			array(
				'timeout'     => $timeout,
				'redirection' => 0,
				'headers'     => array(
					'Content-Type'        => 'application/json',
					'X-Relance-Timestamp' => $stamp,
					'X-Relance-Delivery'  => '' === $delivery ? Relance_Store::token() : $delivery,
					'X-Relance-Signature' => hash_hmac( 'sha256', $stamp . '.' . $body, $secret ),
				),
				'body'        => $body,
			)
		);
		if ( is_wp_error( $response ) ) {
			return array(
				'status' => 0,
				'json'   => null,
				'error'  => $response->get_error_message(),
				'after'  => 0,
				'offset' => $offset,
			);
		}
		$date  = strtotime( (string) wp_remote_retrieve_header( $response, 'date' ) );
		$after = wp_remote_retrieve_header( $response, 'retry-after' );
		return array(
			'status' => (int) wp_remote_retrieve_response_code( $response ),
			'json'   => json_decode( wp_remote_retrieve_body( $response ), true ),
			'error'  => '',
			'after'  => is_numeric( $after ) ? min( (int) $after, 21600 ) : 0,
			'offset' => false === $date || abs( $date - time() ) < 60 ? 0 : $date - time(),
		);
	}

	/**
	 * Whether Relance itself says the body of a request, within five minutes of now by its own clock.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return true|WP_Error
	 */
	public static function is_signed( $request ) {
		$connection = Relance_Store::connection();
		$secret     = isset( $connection['secret'] ) ? (string) $connection['secret'] : '';
		$stamp      = (string) $request->get_header( 'x_relance_timestamp' );
		$delivery   = (string) $request->get_header( 'x_relance_delivery' );
		$given      = (string) $request->get_header( 'x_relance_signature' );
		$formed     = preg_match( '/^\d{1,12}$/D', $stamp ) && preg_match( '/^[0-9A-Za-z_-]{8,64}$/D', $delivery );
		if ( '' === $secret || ! $formed || ! hash_equals( hash_hmac( 'sha256', $stamp . '.' . $request->get_body(), $secret ), $given ) ) {
			return new WP_Error( 'relance_signature', __( 'The signature does not match.', 'relance' ), array( 'status' => 401 ) );
		}
		$offset = isset( $connection['offset'] ) ? (int) $connection['offset'] : 0;
		if ( abs( time() + $offset - (int) $stamp ) > 5 * MINUTE_IN_SECONDS ) {
			return new WP_Error( 'relance_clock', __( 'Not signed within five minutes of now.', 'relance' ), array( 'status' => 401 ) );
		}
		return true;
	}

	/**
	 * A sentence for a person: why it did not work, and what to do.
	 *
	 * @param array $answer `post`'s answer.
	 * @return string
	 */
	public static function why_not( array $answer ) {
		if ( 0 === $answer['status'] ) {
			/* translators: %s: what the machine says. */
			return sprintf( __( 'Relance cannot be reached (%s). Everything waits here and leaves by itself.', 'relance' ), $answer['error'] );
		}
		if ( 401 === $answer['status'] || 404 === $answer['status'] ) {
			return __( 'Relance does not know this connection: the code was used already, or the connection was ended. Make a new code in Relance and paste it here.', 'relance' );
		}
		if ( is_array( $answer['json'] ) && ! empty( $answer['json']['detail'] ) ) {
			return sanitize_text_field( $answer['json']['detail'] );
		}
		/* translators: %d: an HTTP status. */
		return sprintf( __( 'Relance answered %d.', 'relance' ), $answer['status'] );
	}
}
