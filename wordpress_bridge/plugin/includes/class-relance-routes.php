<?php
/**
 * The plugin's own REST routes. Each says who may call it.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Opt-in (anybody), a typed contact (the cart's own visitor), connect (an administrator), gone and coupon (Relance, signed).
 */
class Relance_Routes {

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_action( 'rest_api_init', array( __CLASS__, 'register' ) );
	}

	/**
	 * The routes.
	 */
	public static function register() {
		$text = array(
			'type'              => 'string',
			'maxLength'         => 300,
			'sanitize_callback' => 'sanitize_text_field',
		);
		self::route( 'optin/start', 'optin_start', '__return_true', array_fill_keys( array( 'phone', 'name', 'website', 'yes', 'page' ), $text ) );
		self::route( 'optin/check', 'optin_check', '__return_true', array_fill_keys( array( 'token', 'code' ), $text ) );
		self::route( 'contact', 'contact', array( __CLASS__, 'has_cart' ), array_fill_keys( array( 'billing_phone', 'billing_email', 'billing_first_name', 'billing_country', 'relance_sms' ), $text ) );
		self::route( 'phone/start', 'phone_start', 'is_user_logged_in', array( 'phone' => $text ) );
		self::route( 'phone/check', 'phone_check', 'is_user_logged_in', array( 'code' => $text ) );
		self::route(
			'connect',
			'connect',
			static function () {
				return current_user_can( 'manage_options' );
			},
			array(
				'code' => array(
					'type'      => 'string',
					'required'  => true,
					'maxLength' => 900,
				),
			)
		);
		self::route( 'gone', 'gone', array( __CLASS__, 'is_relance' ), array() );
		// No parameters: only the body is signed, and a parameter may stand in the address too.
		self::route( 'coupon', 'coupon', array( 'Relance_Wire', 'is_signed' ), array() );
	}

	/**
	 * One route.
	 *
	 * @param string   $path What follows our name.
	 * @param string   $what The method of this class.
	 * @param callable $may  Who may call it.
	 * @param array    $args Its parameters.
	 */
	private static function route( $path, $what, $may, array $args ) {
		register_rest_route(
			'relance/v1',
			'/' . $path,
			array(
				'methods'             => 'POST',
				'callback'            => array( __CLASS__, $what ),
				'permission_callback' => $may,
				'args'                => $args,
			)
		);
	}

	/**
	 * Opt-in, first step.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return WP_REST_Response
	 */
	public static function optin_start( $request ) {
		return self::said( Relance_Optin::start( $request->get_params() ) );
	}

	/**
	 * Opt-in, second step.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return WP_REST_Response
	 */
	public static function optin_check( $request ) {
		return self::said( Relance_Optin::check( $request->get_params() ) );
	}

	/**
	 * An answer that no cache keeps.
	 *
	 * @param array $said step, and perhaps token.
	 * @return WP_REST_Response
	 */
	private static function said( array $said ) {
		$said['words'] = Relance_Optin::words( $said['step'] );
		$answer        = new WP_REST_Response( $said );
		$answer->header( 'Cache-Control', 'no-store' );
		return $answer;
	}

	/**
	 * Whether the caller has a cart here. A guest's nonce proves nothing: the session of the cart does.
	 *
	 * @return bool
	 */
	public static function has_cart() {
		if ( ! function_exists( 'WC' ) || ! function_exists( 'wc_load_cart' ) ) {
			return false;
		}
		if ( ! isset( WC()->cart ) || ! WC()->cart ) {
			wc_load_cart();
		}
		return WC()->cart && ! WC()->cart->is_empty();
	}

	/**
	 * The classic checkout's script: a number or an address was typed.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return WP_REST_Response
	 */
	public static function contact( $request ) {
		if ( ! Relance_Store::too_many( 'contact', Relance_Store::ip(), 60, HOUR_IN_SECONDS ) ) {
			$box = $request->get_param( 'relance_sms' );
			Relance_Shop::contact(
				array(
					'phone'      => (string) $request->get_param( 'billing_phone' ),
					'email'      => (string) $request->get_param( 'billing_email' ),
					'first_name' => (string) $request->get_param( 'billing_first_name' ),
					'country'    => (string) $request->get_param( 'billing_country' ),
				) + ( null === $box ? array() : array( 'consent' => '1' === $box ) )
			);
		}
		return new WP_REST_Response( null, 204 );
	}

	/**
	 * A member confirms a number: the code leaves.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return WP_REST_Response
	 */
	public static function phone_start( $request ) {
		return self::said( Relance_Login::phone_start( get_current_user_id(), (string) $request->get_param( 'phone' ) ) );
	}

	/**
	 * A member confirms a number: the code comes back.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return WP_REST_Response
	 */
	public static function phone_check( $request ) {
		return self::said( Relance_Login::phone_check( get_current_user_id(), (string) $request->get_param( 'code' ) ) );
	}

	/**
	 * Connects with a code, by an administrator's application password: the one-click way, from Relance's console.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return WP_REST_Response|WP_Error
	 */
	public static function connect( $request ) {
		$done = Relance_Wire::connect( (string) $request->get_param( 'code' ) );
		if ( is_wp_error( $done ) ) {
			$done->add_data( array( 'status' => 400 ) );
			return $done;
		}
		return new WP_REST_Response(
			array(
				'connected' => true,
				'version'   => RELANCE_VERSION,
			)
		);
	}

	/**
	 * Whether Relance itself parts, by the secret that both know and that is gone afterwards.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return bool
	 */
	public static function is_relance( $request ) {
		$connection = Relance_Store::connection();
		$given      = (string) $request->get_header( 'x_relance_signature' );
		return ! empty( $connection['secret'] ) && hash_equals( hash_hmac( 'sha256', 'gone', $connection['secret'] ), $given );
	}

	/**
	 * The connection was ended over there: the site falls silent, and says so on its page.
	 *
	 * @return WP_REST_Response
	 */
	public static function gone() {
		Relance_Store::connect( array() );
		return new WP_REST_Response( array( 'connected' => false ) );
	}

	/**
	 * Relance asks for a discount code.
	 *
	 * @param WP_REST_Request $request The request.
	 * @return WP_REST_Response|WP_Error
	 */
	public static function coupon( $request ) {
		$done = Relance_Coupons::make( json_decode( $request->get_body(), true ) );
		return is_wp_error( $done ) ? $done : new WP_REST_Response( array( 'kept' => true ), $done );
	}
}
