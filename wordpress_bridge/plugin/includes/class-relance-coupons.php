<?php
/**
 * Discount codes for one person, which Relance asks for just before it names them in a message.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * One coupon of WooCommerce: made, or made what is wanted now if it is ours; a code of the merchant's is left alone.
 */
class Relance_Coupons {

	const MARK         = '_relance';
	const CODE         = '/^[A-Z0-9]{6,20}$/D';
	const MOST_AT_ONCE = 100;

	/**
	 * Makes the coupon.
	 *
	 * @param mixed $wanted code, type (percent or fixed_cart), amount (text), currency (of an amount), ends_at (Unix
	 *                      time), and perhaps email; as Relance signed it.
	 * @return int|WP_Error 201 when it is new, 200 when it was there.
	 */
	public static function make( $wanted ) {
		if ( ! class_exists( 'WC_Coupon' ) || ! function_exists( 'wc_get_coupon_id_by_code' ) ) {
			return self::no( 'relance_no_shop', __( 'WooCommerce is not active on this site.', 'relance' ), 501 );
		}
		$wanted = self::read( $wanted );
		if ( null === $wanted ) {
			return self::no( 'relance_coupon', __( 'This is not a discount that can be made here.', 'relance' ), 400 );
		}
		if ( '' !== $wanted['currency'] && get_woocommerce_currency() !== $wanted['currency'] ) {
			/* translators: %s: a currency, as three letters. */
			$why = sprintf( __( 'This shop counts in %s.', 'relance' ), get_woocommerce_currency() );
			return self::no( 'relance_currency', $why, 422, array( 'currency' => get_woocommerce_currency() ) );
		}
		$id     = (int) wc_get_coupon_id_by_code( $wanted['code'] );
		$coupon = $id ? new WC_Coupon( $id ) : new WC_Coupon();
		if ( $id && ! $coupon->get_meta( self::MARK ) ) {
			return self::no( 'relance_taken', __( 'Another coupon has this code already.', 'relance' ), 409 );
		}
		try {
			self::fill( $coupon, $wanted );
			$kept = (int) $coupon->save();
		} catch ( Exception $error ) {
			return self::no( 'relance_coupon', sanitize_text_field( $error->getMessage() ), 400 );
		}
		if ( ! $kept ) {
			return self::no( 'relance_not_kept', __( 'The coupon could not be saved.', 'relance' ), 500 );
		}
		return $id ? 200 : 201;
	}

	/**
	 * Applies a code of ours to the visitor's cart: the link of a message brought both. What the person has applied
	 * already stays, for ours is good alone.
	 *
	 * @param string $code As the link has it.
	 */
	public static function bring( $code ) {
		if ( ! preg_match( self::CODE, $code ) || ! function_exists( 'wc_get_coupon_id_by_code' ) || WC()->cart->get_applied_coupons() ) {
			return;
		}
		$id = (int) wc_get_coupon_id_by_code( $code );
		if ( $id && get_post_meta( $id, self::MARK, true ) ) {
			WC()->cart->apply_coupon( $code );
		}
	}

	/**
	 * Deletes codes of ours that ended more than a day ago and that nobody used; the others say on which order they were.
	 */
	public static function sweep() {
		if ( ! class_exists( 'WC_Coupon' ) ) {
			return;
		}
		// phpcs:disable WordPress.DB.SlowDBQuery -- once an hour, on a page that has been answered.
		$over = get_posts(
			array(
				'post_type'      => 'shop_coupon',
				'post_status'    => 'any',
				'fields'         => 'ids',
				'posts_per_page' => self::MOST_AT_ONCE,
				'meta_query'     => array(
					array( 'key' => self::MARK ),
					array(
						'key'     => 'date_expires',
						'value'   => time() - DAY_IN_SECONDS,
						'compare' => '<',
						'type'    => 'NUMERIC',
					),
					array(
						'relation' => 'OR',
						array(
							'key'   => 'usage_count',
							'value' => '0',
						),
						array(
							'key'     => 'usage_count',
							'compare' => 'NOT EXISTS',
						),
					),
				),
			)
		);
		// phpcs:enable
		foreach ( $over as $id ) {
			$coupon = new WC_Coupon( $id );
			$coupon->delete( true );
		}
	}

	/**
	 * What is wanted, each part in its form.
	 *
	 * @param mixed $wanted As `make` takes it.
	 * @return array|null Null when a part is none.
	 */
	private static function read( $wanted ) {
		$read = array();
		foreach ( array( 'code', 'type', 'amount', 'currency', 'email' ) as $name ) {
			$value         = is_array( $wanted ) && isset( $wanted[ $name ] ) ? $wanted[ $name ] : '';
			$read[ $name ] = is_string( $value ) ? sanitize_text_field( $value ) : '';
		}
		$read['ends_at'] = is_array( $wanted ) && isset( $wanted['ends_at'] ) && is_int( $wanted['ends_at'] ) ? $wanted['ends_at'] : 0;
		$read['email']   = is_email( $read['email'] ) ? sanitize_email( $read['email'] ) : '';

		$most = array(
			'percent'    => 100,
			'fixed_cart' => 10000,
		);
		if ( ! preg_match( self::CODE, $read['code'] ) || ! isset( $most[ $read['type'] ] ) ) {
			return null;
		}
		if ( ! preg_match( '/^\d{1,5}(\.\d{1,4})?$/D', $read['amount'] ) || (float) $read['amount'] <= 0 || (float) $read['amount'] > $most[ $read['type'] ] ) {
			return null;
		}
		// An amount without its currency would be one of whatever the shop counts in.
		if ( ! preg_match( 'percent' === $read['type'] ? '/^$/D' : '/^[A-Z]{3}$/D', $read['currency'] ) ) {
			return null;
		}
		return $read['ends_at'] > time() ? $read : null;
	}

	/**
	 * Writes into the coupon what is wanted. Its end never becomes an earlier one: somebody may have read it already.
	 *
	 * @param WC_Coupon $coupon The coupon.
	 * @param array     $wanted As `read` gives it.
	 */
	private static function fill( $coupon, array $wanted ) {
		$ends = $coupon->get_date_expires();
		if ( ! $coupon->get_id() ) {
			$coupon->set_code( $wanted['code'] );
			$coupon->set_description( 'Relance ' . $wanted['code'] );
			$coupon->set_individual_use( true );
			$coupon->update_meta_data( self::MARK, '1' );
		}
		$coupon->set_discount_type( $wanted['type'] );
		$coupon->set_amount( $wanted['amount'] );
		$coupon->set_usage_limit( 1 );
		$coupon->set_usage_limit_per_user( 1 );
		$coupon->set_email_restrictions( '' === $wanted['email'] ? array() : array( $wanted['email'] ) );
		if ( ! $ends || $ends->getTimestamp() < $wanted['ends_at'] ) {
			$coupon->set_date_expires( $wanted['ends_at'] );
		}
	}

	/**
	 * A refusal, with a code that stays the same in every language.
	 *
	 * @param string $code   The code.
	 * @param string $why    A sentence.
	 * @param int    $status An HTTP status.
	 * @param array  $more   What else Relance should know.
	 * @return WP_Error
	 */
	private static function no( $code, $why, $status, array $more = array() ) {
		return new WP_Error( $code, $why, array( 'status' => $status ) + $more );
	}
}
